/* netlink.c - see netlink.h. Runs between clone and exec.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netlink.h"
#include "util.h"

#define LO_INDEX 1 /* in every network namespace */
#define REQUEST_MAX 512

struct request {
	_Alignas(struct nlmsghdr) uint8_t bytes[REQUEST_MAX];
	size_t length;
};

struct target {
	uint8_t family, prefix;
	uint8_t address[16];
	size_t length;
};

static void *begin(struct request *r, uint16_t type, uint16_t flags, size_t body)
{
	struct nlmsghdr *head = (struct nlmsghdr *)(void *)r->bytes;

	memset(r->bytes, 0, sizeof(r->bytes));
	head->nlmsg_type = type;
	head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	r->length = NLMSG_LENGTH(NLMSG_ALIGN(body));
	return NLMSG_DATA(head);
}

/* Requests are of constant shape, well below REQUEST_MAX. */
static size_t put(struct request *r, uint16_t type, const void *data, size_t length)
{
	size_t at = r->length;
	struct rtattr attribute = {.rta_len = (unsigned short)RTA_LENGTH(length), .rta_type = type};

	memcpy(r->bytes + at, &attribute, sizeof(attribute));
	if (length > 0)
		memcpy(r->bytes + at + RTA_LENGTH(0), data, length);
	r->length = at + RTA_SPACE(length);
	return at;
}

static void close_nest(struct request *r, size_t at)
{
	unsigned short length = (unsigned short)(r->length - at);

	memcpy(r->bytes + at, &length, sizeof(length));
}

/* Sends and waits for the acknowledgement, which comes at once: rtnetlink works in the sender's context. */
static int talk(int fd, struct request *r)
{
	struct nlmsghdr *head = (struct nlmsghdr *)(void *)r->bytes;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	_Alignas(struct nlmsghdr) uint8_t answer[4096];
	ssize_t n;

	head->nlmsg_len = (uint32_t)r->length;
	if (sendto(fd, r->bytes, r->length, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	do
		n = recv(fd, answer, sizeof(answer), 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	head = (struct nlmsghdr *)(void *)answer;
	if ((size_t)n < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || head->nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ((struct nlmsgerr *)NLMSG_DATA(head))->error;
}

static int set_up(int fd, int index)
{
	struct request r;
	struct ifinfomsg *info = begin(&r, RTM_NEWLINK, 0, sizeof(*info));

	info->ifi_index = index;
	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	return talk(fd, &r);
}

static int add_device(int fd, const char *kind)
{
	struct request r;
	struct ifinfomsg *info = begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));
	size_t link;

	info->ifi_flags = IFF_UP;
	info->ifi_change = IFF_UP;
	put(&r, IFLA_IFNAME, "eth0", sizeof("eth0"));
	link = put(&r, IFLA_LINKINFO, NULL, 0);
	put(&r, IFLA_INFO_KIND, kind, strlen(kind));
	if (strcmp(kind, "veth") == 0) {
		size_t data = put(&r, IFLA_INFO_DATA, NULL, 0);
		size_t peer = put(&r, VETH_INFO_PEER, NULL, 0);

		r.length += NLMSG_ALIGN(sizeof(struct ifinfomsg)); /* zeroes: any index */
		put(&r, IFLA_IFNAME, "eth0-peer", sizeof("eth0-peer"));
		close_nest(&r, peer);
		close_nest(&r, data);
	}
	close_nest(&r, link);
	return talk(fd, &r);
}

static int add_address(int fd, int index, const struct target *target)
{
	struct request r;
	struct ifaddrmsg *info = begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*info));

	info->ifa_family = target->family;
	info->ifa_prefixlen = target->prefix;
	info->ifa_flags = IFA_F_PERMANENT | (target->family == AF_INET6 ? IFA_F_NODAD : 0); /* usable at once */
	info->ifa_scope = RT_SCOPE_UNIVERSE;
	info->ifa_index = (uint32_t)index;
	put(&r, IFA_LOCAL, target->address, target->length);
	put(&r, IFA_ADDRESS, target->address, target->length);
	return talk(fd, &r);
}

static int parse_address(const char *text, struct target *ret)
{
	struct target target = {.family = AF_INET, .length = 4};
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	uint64_t prefix;

	if (!slash || (size_t)(slash - text) >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (inet_pton(AF_INET, address, target.address) != 1) {
		target.family = AF_INET6;
		target.length = 16;
		if (inet_pton(AF_INET6, address, target.address) != 1)
			return -EINVAL;
	}
	if (nsr_parse_u64(slash + 1, target.length * 8, &prefix) < 0)
		return -EINVAL;
	target.prefix = (uint8_t)prefix;
	*ret = target;
	return 0;
}

/* The kernel may have put tunnels (sit0, tunl0) into the new namespace: no index can be taken for granted. */
static int find_index(int fd, const char *name)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, name, strlen(name) + 1);
	return ioctl(fd, SIOCGIFINDEX, &request) < 0 ? -errno : request.ifr_ifindex;
}

/* Index of the device that is to carry the address. */
static int make_eth0(int fd)
{
	/* A bridge is one device and costs half of what a veth pair does. */
	static const char *const kinds[] = {"dummy", "bridge", "veth"};
	size_t first = nsr_force_fallback & NSR_FALLBACK_DUMMY ? 1 : 0;

	for (size_t i = first; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int r = add_device(fd, kinds[i]);

		if (r == 0)
			return find_index(fd, "eth0");
		if (r != -EOPNOTSUPP && r != -ENOENT)
			return r;
	}
	return LO_INDEX;
}

int nsr_network_setup(const char *address, struct nsr_error *e)
{
	cleanup_fd int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct target target;
	int index, r;

	if (fd < 0)
		return nsr_fail(e, NSR_STEP_SOCKET, errno, "netlink");
	r = set_up(fd, LO_INDEX);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_LINK_UP, -r, "lo");
	if (!*address)
		return 0;
	r = parse_address(address, &target);
	if (r < 0)
		return nsr_fail(e, NSR_STEP_ADDRESS, -r, address);
	index = make_eth0(fd);
	if (index < 0)
		return nsr_fail(e, NSR_STEP_LINK_ADD, -index, "eth0");
	r = add_address(fd, index, &target);
	return r < 0 ? nsr_fail(e, NSR_STEP_ADDRESS, -r, address) : 0;
}
