"""Tokens of texts, and the two ways to count a conversation."""

import tiktoken

ENCODING = tiktoken.get_encoding("o200k_base")


def tokens(text):
    return len(ENCODING.encode_ordinary(text))


class Conversation:
    """The tokens of one task: a prompt, then exchanges of what the model writes and what it reads back.

    `once` counts every text once, as with a cache of prompts that costs nothing. `resent` counts each request to the model with
    all texts before it, as without such a cache. The last request, in which the model writes its answer, is part of it.
    """

    def __init__(self, prompt):
        self.once = prompt
        self.resent = 0
        self.requests = 0
        self.written = 0
        self.context = prompt

    def hears(self, text_tokens):
        """The user says something. It is the same on all sides, so it does not count in `once`."""
        self.context += text_tokens

    def exchange(self, written, read):
        """The model writes a call or a script and gets the answer."""
        self.requests += 1
        self.resent += self.context + written
        self.written += written
        self.context += written + read
        self.once += written + read

    def answers(self):
        """The model writes its answer to the user, whose length is not counted."""
        self.requests += 1
        self.resent += self.context
