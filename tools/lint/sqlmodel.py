"""What the SQL parts declare, read from their text: tables with columns and keys, sequences,
functions, comments, dumped names. Knows the SQL that this project writes, not all of SQL."""

import dataclasses
import re

import sqltext

NAME = r'(?:\w+\.)?\w+'

CONSTRAINT = re.compile(
    r"\b(?:CONSTRAINT\s+(?P<name>\w+)\s+)?"
    r"(?P<kind>PRIMARY\s+KEY|UNIQUE|FOREIGN\s+KEY|REFERENCES|CHECK|EXCLUDE)\b", re.IGNORECASE)


@dataclasses.dataclass
class Key:
    """A constraint of any kind. columns: of this table; target: of REFERENCES."""
    statement: object
    line: int
    kind: str
    name: str
    columns: list
    target: str = ""
    target_columns: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Table:
    statement: object
    name: str
    parent: str = ""           # of a partition
    partitioned: bool = False
    columns: dict = dataclasses.field(default_factory=dict)   # name -> text of the definition
    keys: list = dataclasses.field(default_factory=list)


def names_of(text):
    """The column names of a list: the first word of each element."""
    found = [re.match(r"\s*\"?(\w+)", part) for _, part in sqltext.split_list(text)]
    return [match.group(1) for match in found if match]


def _inside(text, start):
    place = sqltext.parenthesised(text, start)
    return text[slice(*place)] if place else ""


def keys_of(statement, offset, element, column):
    """The constraints that one element of a table declares. column: "" for a table constraint."""
    keys = []
    surface = sqltext.flat(element)
    for match in CONSTRAINT.finditer(surface):
        kind = re.sub(r"\s+", " ", match.group("kind").upper())
        line = statement.line_at(offset + match.start())
        if kind == "REFERENCES":
            target = re.match(rf"\s+({NAME})\s*(\()?", surface[match.end():])
            listed = names_of(_inside(element, match.end())) if target and target.group(2) else []
            if keys and keys[-1].kind == "FOREIGN KEY" and not match.group("name"):
                key = keys[-1]
            else:
                key = Key(statement, line, kind, match.group("name"), [column])
                keys.append(key)
            key.target, key.target_columns = target.group(1) if target else "", listed
            continue
        columns = [column] if column else names_of(_inside(element, match.end()))
        keys.append(Key(statement, line, kind, match.group("name"), columns))
    return keys


def read_table(statement):
    """The Table of a CREATE TABLE statement, or None."""
    match = re.match(rf"CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?({NAME})",
                     statement.skeleton, re.IGNORECASE)
    if not match:
        return None
    table = Table(statement, match.group(1))
    rest = statement.skeleton[match.end():]
    table.partitioned = bool(re.search(r"\bPARTITION\s+BY\b", sqltext.flat(rest)))
    parent = re.match(rf"\s*PARTITION\s+OF\s+({NAME})", rest)
    if parent:
        table.parent = parent.group(1)
        return table
    place = sqltext.parenthesised(statement.skeleton, match.end())
    if not place:
        return table
    for offset, element in sqltext.split_list(statement.skeleton[slice(*place)]):
        word = re.match(r"\s*\"?(\w+)", element)
        first = word.group(1).upper() if word else ""
        column = ""
        if first not in ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE", "LIKE"):
            column = word.group(1) if word else ""
            table.columns[column] = element
        table.keys += keys_of(statement, place[0] + offset, element, column)
    return table


_SAME_TYPE = {
    "int": "integer", "int4": "integer", "int8": "bigint", "int2": "smallint", "bool": "boolean",
    "decimal": "numeric", "varchar": "character varying", "char": "character",
    "timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone",
    "float8": "double precision", "float4": "real",
}
_LONG_TYPES = ("double precision", "character varying", "timestamp with time zone",
               "timestamp without time zone", "time with time zone", "time without time zone",
               "bit varying")


def argument_type(argument):
    """The normal name of an argument's type; "" for an OUT argument."""
    text = re.split(r"\bDEFAULT\b|=", argument, flags=re.IGNORECASE)[0].strip().lower()
    mode = re.match(r"(in\s+out|inout|in|out|variadic)\s+(?=\S)", text)
    if mode:
        if mode.group(1) == "out":
            return ""
        text = text[mode.end():]
    text = re.sub(r"\s+", " ", re.sub(r"\([^)]*\)", "", text)).strip()
    array = text.endswith("[]")
    text = text.removesuffix("[]").strip()
    if " " in text and text not in _LONG_TYPES:
        text = text.split(" ", 1)[1]
    text = re.sub(r"^pg_catalog\.|^billing\.", "", text)
    return _SAME_TYPE.get(text, text) + ("[]" if array else "")


def signature(skeleton, start):
    """The types of the argument list that follows, or None where there is no list."""
    rest = skeleton[start:]
    if not rest.lstrip().startswith("("):
        return None
    types = [argument_type(part) for _, part in sqltext.split_list(_inside(skeleton, start))]
    return tuple(name for name in types if name)
