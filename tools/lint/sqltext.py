"""Cuts SQL into statements. A statement keeps its text and a skeleton: the same text with comments
and the insides of literals blanked, so that both have the same offsets."""

import dataclasses
import re

_LEXEME = re.compile(
    r"--[^\n]*|/\*.*?\*/|[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'"
    r"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|\"[^\"]*\"|;|\w+", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Statement:
    path: object
    line: int
    text: str
    skeleton: str

    def words(self, count):
        return self.skeleton.split(None, count)[:count]

    def line_at(self, offset):
        return self.line + self.text.count("\n", 0, offset)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


def _skeleton(lexeme, tag):
    if lexeme.startswith(("--", "/*")):
        return blank(lexeme)
    if lexeme.startswith("$"):
        quote = len(tag or "") + 2
        return lexeme[:quote] + blank(lexeme[quote:-quote]) + lexeme[-quote:]
    if "'" in lexeme:
        start = lexeme.index("'") + 1
        return lexeme[:start] + blank(lexeme[start:-1]) + "'"
    return lexeme


def statements(path, text):
    """The statements of a file. A body BEGIN ATOMIC ... END is part of its statement."""
    start, skeleton, depth, previous = 0, [], 0, ""
    position = 0
    for match in _LEXEME.finditer(text):
        skeleton.append(text[position:match.start()])
        position = match.end()
        lexeme = match.group(0)
        word = lexeme.upper()
        if lexeme == ";" and depth == 0:
            yield from _statement(path, text, start, position, "".join(skeleton) + ";")
            start, skeleton, previous = position, [], ""
            continue
        if previous == "BEGIN" and word == "ATOMIC":
            depth = 1
        elif depth > 0 and word == "CASE":
            depth += 1
        elif depth > 0 and word == "END":
            depth -= 1
        skeleton.append(_skeleton(lexeme, match.group("tag")))
        previous = word
    yield from _statement(path, text, start, len(text), "".join(skeleton) + text[position:])


def _statement(path, text, start, end, skeleton):
    lead = len(skeleton) - len(skeleton.lstrip())
    if skeleton.strip(" \t\n;"):
        yield Statement(path, text.count("\n", 0, start + lead) + 1, text[start + lead:end],
                        skeleton[lead:])


def parenthesised(text, start):
    """Offsets of the inside of the first parenthesis at or after start, or None."""
    begin = text.find("(", start)
    depth = 0
    for offset in range(begin, len(text) if begin >= 0 else begin):
        depth += {"(": 1, ")": -1}.get(text[offset], 0)
        if depth == 0:
            return begin + 1, offset
    return None


def split_list(text):
    """(offset, element) of a list, cut at its top-level commas."""
    depth, start, parts = 0, 0, []
    for offset, char in enumerate(text):
        depth += {"(": 1, ")": -1, "[": 1, "]": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append((start, text[start:offset]))
            start = offset + 1
    parts.append((start, text[start:]))
    return [(offset, part) for offset, part in parts if part.strip()]


def flat(text):
    """The text with everything inside parentheses blanked, the parentheses kept."""
    depth, result = 0, []
    for char in text:
        if char == ")":
            depth -= 1
        result.append(char if depth == 0 or char == "\n" else " ")
        if char == "(":
            depth += 1
    return "".join(result)
