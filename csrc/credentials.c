/* credentials.c - see credentials.h. Runs between clone and exec: raw system calls (glibc's set*id signal threads), every
 * return value looked at (setresuid can say EAGAIN).
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "credentials.h"
#include "util.h"

#define CAPABILITY_MAX 63

static int install_filter(const struct nsr_credentials *who, struct nsr_error *e)
{
	struct sock_fprog program = {
		.len = (unsigned short)(who->seccomp.length / sizeof(struct sock_filter)),
		/* Written by Python into the spec; the kernel copies and checks it. */
		.filter = (struct sock_filter *)(uintptr_t)who->seccomp.data,
	};

	if (who->seccomp.length == 0)
		return 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, who->seccomp_flags, &program) == 0)
		return 0;
	/* A flag that this kernel does not know (SPEC_ALLOW: 4.17, WAIT_KILLABLE_RECV: 5.19) weakens nothing. */
	if (errno == EINVAL && who->seccomp_flags != 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0)
		return 0;
	return nsr_fail(e, NSR_STEP_SECCOMP, errno, "");
}

static int drop_bounding(uint64_t bounding, struct nsr_error *e)
{
	for (int cap = 0; cap <= CAPABILITY_MAX; cap++) {
		if ((bounding >> cap & 1) || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		if (errno == EINVAL) /* beyond the last that there is */
			return 0;
		/* Without CAP_SETPCAP: what is not there need not be dropped. */
		if (errno != EPERM || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 0)
			return nsr_fail(e, NSR_STEP_CAPABILITIES, errno, "");
	}
	return 0;
}

static int set_capabilities(const struct nsr_credentials *who, struct nsr_error *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint64_t own, ambient, permitted;

	if (syscall(SYS_capget, &head, data) < 0)
		return nsr_fail(e, NSR_STEP_CAPABILITIES, errno, "");
	/* Nobody can give what he has not got: unknown to this kernel, or kept from us (as CAP_SYS_RESOURCE in a container). */
	own = data[0].permitted | (uint64_t)data[1].permitted << 32;
	ambient = who->ambient & own;
	permitted = (who->permitted & own) | ambient;
	/* Inheritable stays empty (CVE-2022-29162) but for ambient ones, which cannot be without. */
	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			(uint32_t)(permitted >> 32 * i), (uint32_t)(permitted >> 32 * i), (uint32_t)(ambient >> 32 * i),
		};
	if (syscall(SYS_capset, &head, data) < 0)
		return nsr_fail(e, NSR_STEP_CAPABILITIES, errno, "");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return nsr_fail(e, NSR_STEP_CAPABILITIES, errno, "");
	for (int cap = 0; cap <= CAPABILITY_MAX; cap++)
		if ((ambient >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return nsr_fail(e, NSR_STEP_CAPABILITIES, errno, "");
	return 0;
}

int nsr_credentials_drop(const struct nsr_credentials *who, struct nsr_error *e)
{
	int r;

	if (!who->no_new_privs) {
		/* Needs CAP_SYS_ADMIN, so now. */
		r = install_filter(who, e);
		if (r < 0)
			return r;
	}
	r = drop_bounding(who->bounding | who->ambient, e);
	if (r < 0)
		return r;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return nsr_fail(e, NSR_STEP_CAPABILITIES, errno, "");
	if (syscall(SYS_setgroups, (size_t)who->supplementary_count, who->supplementary) < 0)
		return nsr_fail(e, NSR_STEP_GROUPS, errno, "");
	if (syscall(SYS_setresgid, who->group, who->group, who->group) < 0)
		return nsr_fail(e, NSR_STEP_GID, errno, "");
	if (syscall(SYS_setresuid, who->user, who->user, who->user) < 0)
		return nsr_fail(e, NSR_STEP_UID, errno, "");
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return nsr_fail(e, NSR_STEP_CAPABILITIES, errno, "");
	return set_capabilities(who, e);
}

int nsr_credentials_seal(const struct nsr_credentials *who, struct nsr_error *e)
{
	if (!who->no_new_privs)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return nsr_fail(e, NSR_STEP_NO_NEW_PRIVS, errno, "");
	return install_filter(who, e);
}
