/* device_filter.c - see device_filter.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "device_filter.h"
#include "util.h"

#ifndef BPF_JMP32
#define BPF_JMP32 0x06
#endif
#define ANY (-1)

/* containerd's pkg/oci WithDefaultUnixDevices and runc's allowed devices, as (major, minor) of character devices. */
static const struct {
	int major, minor;
} allowed[] = {
	{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, /* null zero full random urandom */
	{5, 0}, {5, 1}, {5, 2}, /* tty console ptmx */
	{136, ANY}, /* pts */
};

#define ALLOWED_COUNT (sizeof(allowed) / sizeof(allowed[0]))
#define PROGRAM_MAX (16 + 4 * ALLOWED_COUNT)

static struct bpf_insn load(unsigned to, size_t offset)
{
	return (struct bpf_insn){.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to & 15u, .src_reg = BPF_REG_1, .off = (int16_t)offset};
}

/* Skips `skip` instructions unless reg == value. */
static struct bpf_insn unless_equal(unsigned reg, int value, int skip)
{
	return (struct bpf_insn){.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = reg & 15u, .off = (int16_t)skip, .imm = value};
}

static struct bpf_insn set(unsigned reg, int value)
{
	return (struct bpf_insn){.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = reg & 15u, .imm = value};
}

static struct bpf_insn leave(void)
{
	return (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
}

/* r2 = kind of device, r3 = kind of access, r4 = major, r5 = minor */
static size_t write_program(struct bpf_insn *out)
{
	size_t n = 0;

	out[n++] = load(BPF_REG_2, offsetof(struct bpf_cgroup_dev_ctx, access_type));
	out[n++] = (struct bpf_insn){.code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = BPF_REG_3, .src_reg = BPF_REG_2};
	out[n++] = (struct bpf_insn){.code = BPF_ALU | BPF_AND | BPF_K, .dst_reg = BPF_REG_2, .imm = 0xffff};
	out[n++] = (struct bpf_insn){.code = BPF_ALU | BPF_RSH | BPF_K, .dst_reg = BPF_REG_3, .imm = 16};
	out[n++] = load(BPF_REG_4, offsetof(struct bpf_cgroup_dev_ctx, major));
	out[n++] = load(BPF_REG_5, offsetof(struct bpf_cgroup_dev_ctx, minor));
	/* mknod alone makes a node that cannot be opened */
	out[n++] = unless_equal(BPF_REG_3, BPF_DEVCG_ACC_MKNOD, 2);
	out[n++] = set(BPF_REG_0, 1);
	out[n++] = leave();
	out[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = BPF_REG_2, .off = 2, .imm = BPF_DEVCG_DEV_CHAR};
	out[n++] = set(BPF_REG_0, 0);
	out[n++] = leave();
	for (size_t i = 0; i < ALLOWED_COUNT; i++) {
		bool any = allowed[i].minor == ANY;

		out[n++] = unless_equal(BPF_REG_4, allowed[i].major, any ? 2 : 3);
		if (!any)
			out[n++] = unless_equal(BPF_REG_5, allowed[i].minor, 2);
		out[n++] = set(BPF_REG_0, 1);
		out[n++] = leave();
	}
	out[n++] = set(BPF_REG_0, 0);
	out[n++] = leave();
	return n;
}

/* Once this process's own */
static int own_program = -1;

static long try_load(void)
{
	struct bpf_insn program[PROGRAM_MAX];
	union bpf_attr attr = {0};

	memset(program, 0, sizeof(program));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insn_cnt = (uint32_t)write_program(program);
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.license = (uint64_t)(uintptr_t)"Apache-2.0";
	memcpy(attr.prog_name, "nsr_devices", sizeof("nsr_devices"));
	return syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)); /* O_CLOEXEC by itself */
}

static int load_program(void)
{
	struct rlimit old;
	long fd = try_load();
	int err;

	if (fd < 0 && errno == EPERM && getrlimit(RLIMIT_MEMLOCK, &old) == 0) {
		/* Before 5.11 programs count as locked memory of the user, whose usual limit is 16 pages: as many pods. */
		struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY}, most = {old.rlim_max, old.rlim_max};

		if (setrlimit(RLIMIT_MEMLOCK, &none) < 0)
			(void)setrlimit(RLIMIT_MEMLOCK, &most); /* without CAP_SYS_RESOURCE; always granted */
		fd = try_load();
		err = errno;
		(void)setrlimit(RLIMIT_MEMLOCK, &old); /* down again: always granted */
		errno = err;
	}
	return fd < 0 ? -errno : (int)fd;
}

static int attach(int cgroup_fd, int program_fd, enum bpf_cmd command)
{
	union bpf_attr attr = {0};

	attr.target_fd = (uint32_t)cgroup_fd;
	attr.attach_bpf_fd = (uint32_t)program_fd;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = command == BPF_PROG_ATTACH ? BPF_F_ALLOW_MULTI : 0;
	return syscall(SYS_bpf, command, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int nsr_device_filter_load(struct nsr_error *e)
{
	if (own_program < 0) {
		int r = load_program();

		if (r < 0)
			return nsr_fail(e, NSR_STEP_DEVICE_FILTER, -r, "");
		own_program = r;
	}
	return own_program;
}

int nsr_device_filter_shared(void)
{
	int none = -1, fd = __atomic_load_n(&own_program, __ATOMIC_ACQUIRE);

	if (fd >= 0)
		return fd;
	fd = (int)try_load();
	if (fd < 0)
		return -errno;
	if (__atomic_compare_exchange_n(&own_program, &none, fd, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return fd;
	(void)close(fd); /* another thread was first */
	return none;
}

bool nsr_device_filter_take(int fd)
{
	struct bpf_prog_info info = {0};
	union bpf_attr attr = {0};

	attr.info.bpf_fd = (uint32_t)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uint64_t)(uintptr_t)&info;
	if (syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) < 0 || info.type != BPF_PROG_TYPE_CGROUP_DEVICE ||
	    strncmp(info.name, "nsr_devices", sizeof(info.name)) != 0)
		return false;
	own_program = fd;
	return true;
}

int nsr_device_filter_attach(int cgroup_fd, struct nsr_error *e)
{
	int program_fd = nsr_device_filter_load(e), r;

	if (program_fd < 0)
		return program_fd;
	r = attach(cgroup_fd, program_fd, BPF_PROG_ATTACH);
	return r < 0 ? nsr_fail(e, NSR_STEP_DEVICE_FILTER, -r, "") : 0;
}

int nsr_device_filter_probe(int cgroup_fd)
{
	cleanup_fd int program_fd = load_program();
	int r;

	if (program_fd < 0)
		return program_fd;
	r = attach(cgroup_fd, program_fd, BPF_PROG_ATTACH);
	if (r < 0)
		return r;
	r = attach(cgroup_fd, program_fd, BPF_PROG_DETACH);
	return r < 0 ? r : 1;
}
