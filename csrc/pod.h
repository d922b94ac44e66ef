/* pod.h - names of what a pod has on disk and in the shim's mount namespace. Below <run>: files (tmpfs), shm (tmpfs), proc (of a
 * pid namespace that the containers share). Below <state>:
 * containers/<id> (layers), volumes/kubernetes.io~empty-dir/<name>, as the kubelet has it. On the files tmpfs: files/<name>,
 * termination/<container id>, null and empty (what masks are made of).
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_POD_H
#define NSR_POD_H

#include "runtime.h"

#define NSR_POD_FILES "files"
#define NSR_POD_SHM "shm"
#define NSR_POD_PROC "proc"
#define NSR_POD_CONTAINERS "containers"
#define NSR_POD_EMPTY_DIRS "volumes/kubernetes.io~empty-dir"
#define NSR_FILES_GENERATED "generated"
#define NSR_FILES_TERMINATION "termination"
#define NSR_FILES_NULL "null"
#define NSR_FILES_EMPTY "empty"

/* Name of an instance's cgroup, "<name>.<attempt>", in buffer (NAME_MAX + 1 bytes). */
const char *nsr_pod_cgroup_name(char *buffer, const struct nsr_container_spec *spec);

/* Makes the file that an instance's termination log is, empty and 0666. */
int nsr_pod_make_termination(struct nsr_pod *pod, const struct nsr_container_spec *spec, struct nsr_error *e);

#endif
