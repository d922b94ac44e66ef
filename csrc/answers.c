/* answers.c - the first answers of the last commands, so that a command that is sent again (its sender died, or lost the
 * connection) is not done again. Answers are some forty bytes: the ring holds pointers, and 16 KiB at most of a usual pod's life.
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

struct nsr_answer *nsr_answers_find(struct nsr_answers *answers, uint64_t id)
{
	for (uint32_t i = 0; i < NSR_ANSWERS; i++)
		if (answers->ring[i] && answers->ring[i]->id == id)
			return answers->ring[i];
	return NULL;
}

int nsr_answers_begin(struct nsr_answers *answers, uint64_t id, uint32_t session)
{
	struct nsr_answer *answer = malloc(sizeof(*answer));
	uint32_t slot = answers->next;

	if (!answer)
		return -ENOMEM;
	/* A command that is still at work keeps its place; hundreds at once are more than a pod has. */
	for (uint32_t i = 0; i < NSR_ANSWERS && answers->ring[slot] && answers->ring[slot]->length == 0; i++)
		slot = (slot + 1) % NSR_ANSWERS;
	*answer = (struct nsr_answer){.id = id, .session = session};
	free(answers->ring[slot]);
	answers->ring[slot] = answer;
	answers->next = (slot + 1) % NSR_ANSWERS;
	return 0;
}

void nsr_answers_keep(struct nsr_answers *answers, uint64_t id, const void *bytes, size_t length)
{
	for (uint32_t i = 0; i < NSR_ANSWERS; i++) {
		struct nsr_answer *answer = answers->ring[i];

		if (!answer || answer->id != id)
			continue;
		answer = realloc(answer, sizeof(*answer) + length);
		if (!answer)
			return; /* a repetition then waits for ever: its sender has a deadline */
		answer->length = (uint32_t)length;
		memcpy(answer->bytes, bytes, length);
		answers->ring[i] = answer;
		return;
	}
}

void nsr_answers_clear(struct nsr_answers *answers)
{
	for (uint32_t i = 0; i < NSR_ANSWERS; i++)
		free(answers->ring[i]);
	*answers = (struct nsr_answers){0};
}
