/* request.c - see request.h. What each message may carry is one table.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "request.h"
#include "wire_reader.h"

#define ONE(tag, member, payload) NSR_ONE(struct nsr_request, tag, member, payload)
#define SHAPE(table) NSR_SHAPE(struct nsr_request, table)

static const struct nsr_member hello[] = {ONE(ROLE, role, U32)};
static const struct nsr_member stop_sandbox[] = {ONE(ATTEMPT, attempt, U32)};
static const struct nsr_member send_signal[] = {ONE(CONTAINER_ID, container_id, STRING), ONE(SIGNAL, signal, U32), ONE(WHOLE, whole, U32)};
static const struct nsr_member remove_container[] = {ONE(CONTAINER_ID, container_id, STRING)};
static const struct nsr_member exec[] = {ONE(SPEC, spec, BYTES)};
static const struct nsr_member resize[] = {ONE(EXEC_ID, exec_id, U64), ONE(CONTAINER_ID, container_id, STRING), ONE(ROWS, rows, U32),
					   ONE(COLUMNS, columns, U32)};
static const struct nsr_member kill_exec[] = {ONE(EXEC_ID, exec_id, U64)};
static const struct nsr_member attach[] = {ONE(CONTAINER_ID, container_id, STRING), ONE(STREAMS, streams, U32)};
static const struct nsr_member acknowledge[] = {ONE(RECORD, record, U64)};
static const struct nsr_member prepare_container[] = {ONE(CONTAINER_ID, container_id, STRING)};
static const struct nsr_member open_volume[] = {ONE(NAME, name, STRING)};

static const struct rule {
	enum nsr_kind kind;
	uint8_t fewest_fds, most_fds;
	struct nsr_shape shape;
} rules[] = {
	{NSR_KIND_HELLO, 0, 0, SHAPE(hello)},
	{NSR_KIND_CREATE_SANDBOX, 1, 1, {sizeof(struct nsr_request), NULL, 0}},
	{NSR_KIND_STOP_SANDBOX, 0, 0, SHAPE(stop_sandbox)},
	{NSR_KIND_START_CONTAINER, 1, 1, {sizeof(struct nsr_request), NULL, 0}},
	{NSR_KIND_SIGNAL, 0, 0, SHAPE(send_signal)},
	{NSR_KIND_REMOVE_CONTAINER, 0, 0, SHAPE(remove_container)},
	{NSR_KIND_REMOVE_POD, 0, 0, {sizeof(struct nsr_request), NULL, 0}},
	{NSR_KIND_EXEC, 0, 4, SHAPE(exec)},
	{NSR_KIND_RESIZE, 0, 0, SHAPE(resize)},
	{NSR_KIND_KILL_EXEC, 0, 0, SHAPE(kill_exec)},
	{NSR_KIND_ATTACH, 1, 3, SHAPE(attach)},
	{NSR_KIND_ACKNOWLEDGE, 0, 0, SHAPE(acknowledge)},
	{NSR_KIND_LIST, 0, 0, {sizeof(struct nsr_request), NULL, 0}},
	{NSR_KIND_OPEN_VOLUME, 0, 0, SHAPE(open_volume)},
	{NSR_KIND_PREPARE_CONTAINER, 1, 1, SHAPE(prepare_container)},
};

int nsr_request_parse(const void *data, size_t size, size_t fds, struct nsr_request *ret)
{
	struct nsr_request request = {.container_id = "", .name = ""};
	struct nsr_envelope envelope;
	struct nsr_bytes block;
	size_t memory;
	int r;

	if (size > NSR_MESSAGE_MAX)
		return -EBADMSG;
	r = nsr_envelope_read(data, size, &envelope, &block);
	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];
		struct nsr_arena arena = {0};

		if (rule->kind != envelope.kind)
			continue;
		if (fds < rule->fewest_fds || fds > rule->most_fds)
			return -EBADMSG;
		r = nsr_measure(block, &rule->shape, &memory);
		if (r == 0)
			r = nsr_decode(block, &rule->shape, &arena, &request);
		if (r < 0)
			return r;
		if (rule->kind == NSR_KIND_ATTACH &&
		    ((request.streams & ~7u) != 0 || (size_t)__builtin_popcount(request.streams) != fds))
			return -EBADMSG;
		if (rule->kind == NSR_KIND_EXEC && fds % 3 != (request.spec.length == 0))
			return -EBADMSG;
		request.kind = rule->kind;
		request.id = envelope.id;
		if (!request.container_id)
			request.container_id = "";
		if (!request.name)
			request.name = "";
		*ret = request;
		return 0;
	}
	return -EBADMSG;
}
