/* device_filter.h - the devices controller of cgroup2: a BPF program on the container's cgroup.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_DEVICE_FILTER_H
#define NSR_DEVICE_FILTER_H

#include "nsr.h"

/* Loads the program, which means verifying: some 0.2 ms. Done by the first attach otherwise. Returns its descriptor, which stays. */
int nsr_device_filter_load(struct nsr_error *e);

/* Lets the members use what containerd lets them: null zero full random urandom tty console ptmx pts; mknod of anything.
 * The program is loaded once a process and lives as long as one cgroup that has it. */
int nsr_device_filter_attach(int cgroup_fd, struct nsr_error *e);

/* 1: programs can be loaded and attached here (tried on a cgroup of the caller's choice, and detached), otherwise -errno. */
int nsr_device_filter_probe(int cgroup_fd);

#endif
