/* device_filter.h - the devices controller of cgroup2: a BPF program on the container's cgroup.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_DEVICE_FILTER_H
#define NSR_DEVICE_FILTER_H

#include <stdbool.h>

#include "nsr.h"

/* Loads the program, which means verifying: some 0.2 ms. Done by the first attach otherwise. Returns its descriptor, which stays. */
int nsr_device_filter_load(struct nsr_error *e);

/* For a process that starts shims: the descriptor of the one program that all of them take, loaded at most once and the process's for good.
 * -errno: it cannot be loaded as things are, and nothing of the process is changed for it. */
int nsr_device_filter_shared(void);

/* The program is the one that was inherited as this descriptor. False: it is no device filter, and still the caller's. */
bool nsr_device_filter_take(int fd);

/* Lets the members use what containerd lets them: null zero full random urandom tty console ptmx pts; mknod of anything.
 * The program is loaded once a process and lives as long as one cgroup that has it. */
int nsr_device_filter_attach(int cgroup_fd, struct nsr_error *e);

/* 1: programs can be loaded and attached here (tried on a cgroup of the caller's choice, and detached), otherwise -errno. */
int nsr_device_filter_probe(int cgroup_fd);

#endif
