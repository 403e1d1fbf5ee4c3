#!/usr/bin/env python3
"""The rules of sql/*.sql that can be read from the text.

- every table is commented and dumped (pg_extension_config_dump), its sequences too;
- every constraint has a name;
- every function, procedure, aggregate and view has a comment;
- SECURITY DEFINER comes with SET search_path = pg_catalog, pg_temp;
- *.api.sql can be run again by an update: only functions, views, triggers, grants and comments;
- every key of a tenant's table (one with customer_id) contains customer_id;
- keywords are in upper case.
"""

import re

import common
import sqlmodel
import sqltext

# table -> why its rows are not dumped
NOT_DUMPED = {
    "billing.window_lineage": "the era of these data files: a restored database starts a new one",
    "billing.worker_environment": "where workers may talk: a restored database is silent",
    "billing.ledger_accounts": "seeded by the install script, the same in every installation",
}

# constraint or index -> why it lacks customer_id
NOT_BY_CUSTOMER = {
    "document_numbers_pkey": "numbers of documents are unique in the house",
    "pricing_plans_pkey": "the default plans have no customer",
    "gateway_webhooks_pkey": "an event of the provider may name no customer of ours",
    "rejected_usage_pkey": "a refused event may name no customer",
}

API_MAY = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE|VIEW|AGGREGATE|TRIGGER|CONSTRAINT\s+TRIGGER)\b"
    r"|GRANT\b|REVOKE\b|COMMENT\s+ON\b|ALTER\s+(?:FUNCTION|PROCEDURE|AGGREGATE|VIEW)\b")

# reserved, so never the name of a column
KEYWORDS = re.compile(
    r"(?<![\w.])(?:create|select|from|where|primary|references|constraint|grant|table|check|unique|foreign"
    r"|union|having|order|group|into|then|else|case|when|and|or|not|null|default|as|in|with"
    r"|returning|distinct|limit|using)\b")


class Model:
    """All that the parts declare together."""

    def __init__(self):
        self.tables = {}
        self.sequences = {}     # name -> statement
        self.routines = []      # (kind, name, signature, statement)
        self.comments = set()   # (kind, name, signature)
        self.dumps = {}         # name -> [statement]
        self.indexes = []       # (name, table, columns, statement)

    def dumped(self, name, path):
        return any(statement.path == path for statement in self.dumps.get(name, []))


def read_comment(model, statement):
    match = re.match(rf"COMMENT\s+ON\s+(\w+(?:\s+VIEW)?)\s+({sqlmodel.NAME})", statement.skeleton)
    if match and not re.search(r"\bIS\s+(?:NULL|'')\s*;?\s*$", statement.text):
        model.comments.add((match.group(1), match.group(2),
                            sqlmodel.signature(statement.skeleton, match.end())))


def read_alter(model, statement):
    match = re.match(rf"ALTER\s+TABLE\s+(?:ONLY\s+)?({sqlmodel.NAME})\s+", statement.skeleton)
    table = model.tables.get(match.group(1)) if match else None
    if table is None:
        return
    for offset, action in sqltext.split_list(statement.skeleton[match.end():]):
        added = re.match(r"\s*ADD\s+(COLUMN\s+(\w+))?", action)
        if added:
            if added.group(2):
                table.columns[added.group(2)] = action
            table.keys += sqlmodel.keys_of(statement, match.end() + offset, action,
                                           added.group(2) or "")


def read_statement(model, statement):
    skeleton = statement.skeleton
    table = sqlmodel.read_table(statement)
    if table:
        model.tables[table.name] = table
        return
    match = re.match(rf"CREATE\s+SEQUENCE\s+(?:IF\s+NOT\s+EXISTS\s+)?({sqlmodel.NAME})", skeleton)
    if match:
        model.sequences[match.group(1)] = statement
    match = re.match(r"CREATE\s+(?:OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE|AGGREGATE|VIEW"
                     rf"|MATERIALIZED\s+VIEW|RECURSIVE\s+VIEW)\s+({sqlmodel.NAME})", skeleton)
    if match:
        kind = match.group(1)
        types = None if kind.endswith("VIEW") else sqlmodel.signature(skeleton, match.end())
        model.routines.append((kind, match.group(2), types, statement))
    match = re.match(rf"CREATE\s+UNIQUE\s+INDEX\s+(?:(\w+)\s+)?ON\s+(?:ONLY\s+)?({sqlmodel.NAME})",
                     skeleton)
    if match:
        place = sqltext.parenthesised(skeleton, match.end())
        model.indexes.append((match.group(1), match.group(2), skeleton[slice(*place)], statement))
    for name in re.findall(r"pg_extension_config_dump\s*\(\s*'([\w.]+)'", statement.text):
        model.dumps.setdefault(name, []).append(statement)
    for name, column in re.findall(r"pg_extension_config_dump\s*\(\s*(?:\w+\.)?"
                                   r"pg_get_serial_sequence\s*\(\s*'([\w.]+)'\s*,\s*'(\w+)'",
                                   statement.text):
        model.dumps.setdefault(f"{name}_{column}_seq", []).append(statement)
    read_comment(model, statement)
    read_alter(model, statement)


def identity_sequences(table):
    """The names of the sequences behind a table's identity columns."""
    for column, definition in table.columns.items():
        match = re.search(rf"AS\s+IDENTITY(?:\s*\(\s*SEQUENCE\s+NAME\s+({sqlmodel.NAME}))?",
                          definition)
        if match:
            yield match.group(1) or f"{table.name}_{column}_seq"


def check_tables(model, findings):
    for table in model.tables.values():
        place = (table.statement.path, table.statement.line)
        if ("TABLE", table.name, None) not in model.comments and not table.parent:
            findings.add(*place, f"table {table.name} has no COMMENT ON TABLE")
        for column, definition in table.columns.items():
            if re.search(r"\b(?:big|small)?serial\d?\b", definition, re.IGNORECASE):
                findings.add(*place, f"{table.name}.{column}: use GENERATED ALWAYS AS IDENTITY")
        if table.parent in NOT_DUMPED or table.name in NOT_DUMPED:
            continue
        if not table.partitioned and not model.dumped(table.name, place[0]):
            findings.add(*place, f"table {table.name} has no pg_extension_config_dump in this file")
        for sequence in identity_sequences(table):
            if not model.dumped(sequence, place[0]):
                findings.add(*place, f"sequence {sequence} has no pg_extension_config_dump")
    for name, statement in model.sequences.items():
        if not model.dumped(name, statement.path):
            findings.add(statement.path, statement.line,
                         f"sequence {name} has no pg_extension_config_dump")
    for name, statements in model.dumps.items():
        if name in NOT_DUMPED:
            findings.add(statements[0].path, statements[0].line,
                         f"{name} is dumped, but listed as one that is not")


def check_partitions(statement, findings):
    """Partitions that a DO block makes are dumped by the same block."""
    if statement.words(1) == ["DO"] and re.search(r"CREATE\s+TABLE", statement.text) \
            and "pg_extension_config_dump" not in statement.text:
        findings.add(statement.path, statement.line,
                     "DO creates tables without pg_extension_config_dump")


def check_parents(model, all_text, findings):
    """A partitioned table without partitions in the install script holds nothing."""
    parents = {table.parent for table in model.tables.values()}
    for table in model.tables.values():
        if table.partitioned and table.name not in parents \
                and not re.search(rf"PARTITION\s+OF\s+{re.escape(table.name)}\b", all_text):
            findings.add(table.statement.path, table.statement.line,
                         f"partitioned table {table.name} has no partition")


def check_names(model, findings):
    for table in model.tables.values():
        for key in table.keys:
            if not key.name:
                findings.add(key.statement.path, key.line,
                             f"{table.name}: {key.kind} without CONSTRAINT name")
    for name, table, _, statement in model.indexes:
        if not name:
            findings.add(statement.path, statement.line, f"index of {table} without a name")


def check_domain(statement, findings):
    if re.match(r"CREATE\s+DOMAIN\b", statement.skeleton) \
            and re.search(r"(?<!\w)CHECK\b", statement.skeleton) \
            and not re.search(r"CONSTRAINT\s+\w+\s+CHECK\b", statement.skeleton):
        findings.add(statement.path, statement.line, "CHECK of a domain without CONSTRAINT name")


def check_comments(model, findings):
    for kind, name, types, statement in model.routines:
        once = [routine[1] for routine in model.routines].count(name) == 1
        if (kind, name, types) not in model.comments \
                and not (once and (kind, name, None) in model.comments):
            shown = "" if types is None else f"({', '.join(types)})"
            findings.add(statement.path, statement.line,
                         f"{kind.lower()} {name}{shown} has no COMMENT ON {kind}")


def check_definer(statement, findings):
    if re.match(r"(?:CREATE|ALTER)\b.*\bSECURITY\s+DEFINER\b", statement.skeleton, re.DOTALL) \
            and not re.search(r"SET\s+search_path\s*(?:=|TO)\s*pg_catalog\s*,\s*pg_temp\b",
                              statement.skeleton):
        findings.add(statement.path, statement.line,
                     "SECURITY DEFINER without SET search_path = pg_catalog, pg_temp")


def check_api(statement, findings):
    if statement.path.name.endswith(".api.sql") and not API_MAY.match(statement.skeleton):
        findings.add(statement.path, statement.line,
                     f"{' '.join(statement.words(2))}: not in an *.api.sql, which runs again"
                     " at every update")


def by_customer(model, key):
    """Whether a key of a tenant's table names the customer, on both sides of a reference."""
    if "customer_id" not in key.columns:
        return False
    target = model.tables.get(key.target)
    return not (target and "customer_id" in target.columns and key.target_columns
                and "customer_id" not in key.target_columns)


def check_tenancy(model, findings):
    for table in model.tables.values():
        if "customer_id" not in table.columns:
            continue
        for key in table.keys:
            if key.kind != "CHECK" and not by_customer(model, key) \
                    and key.name not in NOT_BY_CUSTOMER:
                findings.add(key.statement.path, key.line,
                             f"{table.name}: {key.kind} {key.name} lacks customer_id")
    for name, table, columns, statement in model.indexes:
        if table in model.tables and "customer_id" in model.tables[table].columns \
                and not re.search(r"\bcustomer_id\b", columns) and name not in NOT_BY_CUSTOMER:
            findings.add(statement.path, statement.line,
                         f"{table}: unique index {name} lacks customer_id")


def check_case(statement, findings):
    """Reserved words in the statement and, where it is SQL or PL/pgSQL, in its body."""
    code = statement.skeleton
    body = re.search(r"\$(\w*)\$(.*)\$\1\$", statement.text, re.DOTALL)
    if body:
        code += "".join(part.skeleton
                        for part in sqltext.statements(statement.path, body.group(2)))
    match = KEYWORDS.search(re.sub(r'"[^"]*"', '""', code))
    if match:
        findings.add(statement.path, statement.line, f"keyword in lower case: {match.group(0)}")


def check(root, findings):
    model = Model()
    all_statements = []
    for path in sorted((root / "sql").glob("*.sql")):
        if not path.name.startswith("billing--"):
            all_statements += sqltext.statements(path, path.read_text())
    for statement in all_statements:
        read_statement(model, statement)
    for statement in all_statements:
        check_partitions(statement, findings)
        check_domain(statement, findings)
        check_definer(statement, findings)
        check_api(statement, findings)
        check_case(statement, findings)
    check_tables(model, findings)
    check_parents(model, "\n".join(statement.text for statement in all_statements), findings)
    check_names(model, findings)
    check_comments(model, findings)
    check_tenancy(model, findings)


if __name__ == "__main__":
    common.run(check)
