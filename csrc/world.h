/* world.h - what a container sees, while it is being built: descriptors of its mounts, and the pieces that fill them.
 *
 * Everything happens in the container's child, in its own mount namespace, before any program of the container's image has run in
 * it. Order (security.md 3b 9-13): sources, root, volumes, /proc, /dev, generated files; in the pod's namespaces then /sys, mqueue, volumes below
 * /dev and /sys, read-only paths and masks, working directory, readOnlyRootFilesystem, pivot.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef NSR_WORLD_H
#define NSR_WORLD_H

#include "runtime.h"

struct nsr_world {
	const struct nsr_pod *pod;
	const struct nsr_container_spec *spec;
	int *sources; /* detached copies, one for each spec->mounts[i], -1 for a tmpfs */
	int *submounts; /* mounts, one for each spec->root.submounts[i], -1 where there was none */
	int root; /* mounts: the container's root, its /proc, /sys and /dev; -1: not ours, or not yet */
	int proc, sys, dev;
	int proc_context; /* of fsopen(), where another container's pid namespace is joined; -1: not */
	bool filtered; /* its cgroup has a device filter */
	int null, empty; /* what masks are made of: O_PATH in the pod's files */
};

/* sources.c: before the namespace is private, so that HostToContainer copies stay slaves. Bidirectional ones are copied in
 * the host's mount namespace, or the shim's when they are in the pod's memory. The caller has its own mount namespace when this returns. */
int nsr_world_sources(struct nsr_world *w, struct nsr_error *e);

/* root.c: the overlay, the host's file systems below it, private directories. */
int nsr_world_root(struct nsr_world *w, struct nsr_error *e);

/* volumes.c: the volumes, in two goes: those that do not belong below /dev or /sys, and then those that do. */
int nsr_world_volumes(struct nsr_world *w, bool below_ours, struct nsr_error *e);
/* Generated files and the termination log. */
int nsr_world_files(struct nsr_world *w, struct nsr_error *e);
/* Is something of the spec mounted right at this path? */
bool nsr_world_has_mount_at(const struct nsr_world *w, const char *path);

/* root.c: readOnlyRootFilesystem, when all else is in place: the root and the host's file systems in it, not the volumes. */
int nsr_world_seal_root(struct nsr_world *w, struct nsr_error *e);

/* filesystems.c: /proc, /sys and cgroup2; masks and read-only paths. */
int nsr_world_proc(struct nsr_world *w, struct nsr_error *e);
int nsr_world_sys(struct nsr_world *w, struct nsr_error *e);
int nsr_world_restrict(struct nsr_world *w, struct nsr_error *e);

/* dev.c: /dev with pts and shm; in the pod's IPC namespace, mqueue. */
int nsr_world_dev(struct nsr_world *w, struct nsr_error *e);
int nsr_world_mqueue(struct nsr_world *w, struct nsr_error *e);

/* Opens a directory below the root that is to be covered by a file system of ours: made when it is missing, never a link. */
int nsr_world_place(const struct nsr_world *w, const char *path);

#endif
