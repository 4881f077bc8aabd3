"""Rules that a section has over several of its keys."""

from __future__ import annotations

import pytest

from pmsbridge_rest.mapping.reading import examine

HEAD = """\
pmsmap: 1
vendor: {name: tiny, title: Tiny, evidence: guess, source: invented}
"""
CONNECTION = "connection: {base_url: https://tiny.example, secrets: {key: The key}}\n"
UNITS = "entities: {units: {all: {get: /units}, fields: {id: id, number: label}}}\n"


def tenants(inner: str) -> str:
    return f"entities: {{tenants: {{one: {{get: '/t/{{read.id}}'}}, fields: {{id: id}}, {inner}}}}}\n"


def action(step: str, name: str = "add_note") -> str:
    return f"{UNITS}actions: {{{name}: {{steps: [{{name: a, {step}}}]}}}}\n"


LOOK = "look_up: {get: /x, match: {a: '{effect.reference}'}}"

BARE = "post: /x, idempotency: none"
STATE = "post: /x, idempotency: {by: state, look_up: {get: /x, match: "
PUT = "put: /x, idempotency: none, update: {strategy: put_full"
RULES = [
    ("pagination: {p: {style: page, stop: total}}", "total_at"),
    ("pagination: {p: {style: page, stop: more}}", "more_at"),
    ("pagination: {p: {style: cursor, cursor_as: c}}", "next_at or next_header"),
    ("pagination: {p: {style: cursor, cursor_as: c, next_at: m, next_header: M}}", "next_at or next_header"),
    ("pagination: {p: {style: next_url}}", "next_at or next_header"),
    ("codecs: {c: {kind: boolean, when_true: [true, 'Y'], when_false: ['Y']}}", "true and false"),
    ("codecs: {c: {kind: date, pattern: MM/DD/hh}}", "YYYY, MM and DD"),
    ("codecs: {c: {kind: date, pattern: YYYY-MM-DD-DD}}", "YYYY, MM and DD"),
    ("codecs: {c: {kind: instant, spelt: pattern}}", "pattern goes with"),
    ("codecs: {c: {kind: instant, pattern: YYYY-MM-DD hh}}", "pattern goes with"),
    ("codecs: {c: {kind: instant, spelt: pattern, pattern: YYYY-MM-DD}}", "zone: utc"),
    ("codecs: {c: {kind: enum, words: {a: b}, spelt: integer}}", "no whole number"),
    ("codecs: {c: {kind: enum, words: {a: b}, write: {b: z}}}", "does not give that meaning"),
    ("codecs: {c: {kind: phone, spelt: e164}}", "needs a country"),
    ("codecs: {cents: {kind: text}}", "built-in codec has that name"),
    ("limits: {throttled: {}}", "asks nothing"),
    ("limits: {throttled: {status: 42}}", "a number such as 404"),
    ("limits: {throttled: {body: {a: {fold_case: true}}}}", "tests nothing"),
    ("limits: {throttled: {body: {a: {equals: [1]}}}}", "text in quotes"),
    ("errors: {rules: [{when: {status: x5}, means: transient}]}", "a number such as 404"),
    (tenants("search: {post: /t}"), "safe: true"),
    (tenants("search: {get: /t, post: /t}"), "exactly one of"),
    (tenants("search: {get: /t, body: {}}"), "a get has no body"),
    (tenants("search: {get: t}"), "begins with one /"),
    (tenants("search: {get: //evil.example}"), "begins with one /"),
    (tenants("search: {get: '/t?x=1'}"), "begins with one /"),
    (tenants("all: {get: /t, since: {name: s}}"), "row_changed_at"),
    (tenants("all: {get: /t, since: {server_date: true}}"), "name or filter"),
    (tenants("all: {get: /t, since: {name: s, server_date: true, bound: exclusive, overlap: 0s}}"), "such as 1m"),
    (tenants("all: {get: /t, since: {name: s, server_date: true, spelt_as: cents}}"), "is wanted here"),
    (tenants("account: {ledger: {at: l, codec: cents}}"), "belongs to rentals"),
    (tenants("items: {consents: {rows: c, fields: {a: b}}}"), "no such list"),
    (tenants("items: {contacts: {rows: c, fields: {email: b}}}"), "id is missing"),
    ("entities: {units: {fields: {id: id, number: label}}}\n", "no read"),
    ("entities: {units: {all: {get: /u}, fields: {id: id, number: {}}}}\n", "give at (a path)"),
    ("entities: {units: {all: {get: /u}, fields: {id: id, number: {at: a, value: b}}}}\n", "value stands alone"),
    ("entities: {units: {all: {get: /u}, fields: {id: id, number: {expr: a, dir: write}}}}\n", "only what has a path"),
    ("entities: {units: {all: {get: /u}, fields: {id: id, number: {at: a, currency_at: b}}}}\n", "only money"),
    (f"{UNITS[:-3]}, consents: [{{channel: sms, purpose: marketing, at: a}}]}}}}\n", "belong to tenants"),
    (action("get: /x, idempotency: none"), "is a write"),
    (action("post: /x"), "missing"),
    (action("post: /x, idempotency: {by: magic}"), "not one of the known words"),
    (action(BARE + ", update: {strategy: put_full}"), "belongs to change_contact"),
    (action(BARE + ", body: {$each: effect.parts}"), "stand alone"),
    (action(BARE + ", body: {a: {$value: x, b: 1}}"), "stand alone"),
    (action(BARE + ", body: {a: {$value: x, $none: maybe}}"), "$none is"),
    (action(BARE + ", body: {a: {$record: half}}"), "$record is"),
    (action(BARE + ", body: {a: {$each: read.rows, $make: x}}"), "list of the effect"),
    (action(BARE + ", body: {a: '{step.a.b}'}"), "no step before"),
    (action(BARE + ", body: {a: '{effect}'}"), "alone is no value"),
    (action(BARE + ", body: {a: '{today.day}'}"), "stands alone"),
    (action(BARE + ", outputs: {b: id}, verify: {get: /x, match: {a: '{step.a.c}'}}"), "such output"),
    (action(STATE + "{a: '{effect.txt}'}}}"), "Did you mean text?"),
    (action(STATE + "{a: ['{effect.txt}']}}}"), "mean text?"),
    (action(STATE + "{a: {at_least: '{'}}}}"), "brace stands alone"),
    ("limits: {throttled: {body: {a: '{today}'}}}", "no places"),
    ("envelope: {good: {body: {a: '{effect.text}'}}}", "no places"),
    (action(BARE + "}, {name: a, post: /y, idempotency: none"), "the same name"),
    (action(f"post: /x, idempotency: {{by: client_reference, {LOOK}}}, outcome: {{job: {{when: {{status: 202}}, "
            "poll: {get: /j}, state: s, done: [a], failed: [a]}}"), "means done and failed"),
    (action("put: /x, idempotency: none, update: {strategy: patch_changed, keep: [a]}", "change_contact"), "put_full"),
    (action(PUT + ", keep: [a], drop: [b]}", "change_contact"), "both"),
    (action(PUT + "}", "change_contact"), "no entity of that name"),
    (action(BARE + ", outputs: {number: data.cardNumber}"), "card's number"),
    (action(PUT + ", keep: [a.ssn]}", "change_contact"), "secret of a"),
    (action(PUT + ", reshape: [{read: cvv, write: b}]}", "change_contact"),
     "card's number or code"),
    (action(PUT + ", reshape: [{read: a, write: iban}]}", "change_contact"),
     "a bank account's"),
    ("connection: {base_url: 'https://u:p@tiny.example'}\n", "no login"),
    ("connection: {base_url: 'https://tiny.example/?a=1'}\n", "no query"),
    ("connection: {base_url: 'https://{secret.key}.example'}\n", "option and facility only"),
    ("connection: {base_url: 'ftp://tiny.example'}\n", "https://"),
    ("auth: {scheme: oauth2_client_credentials, token_url: ../t, client_id: key, client_secret: key}", "https://"),
    ("auth: {scheme: bearer, token: ky}", "Did you mean key?"),
    ("webhooks: {verify: {proof: token, key: key, header: X}, type_at: t, events: {a: {entity: unit}}}", "mean units?"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "words"), RULES, ids=[f"{number} {row[1]}" for number, row in enumerate(RULES)])
def test_a_section_that_contradicts_itself_is_told_why(section: str, words: str) -> None:
    text = HEAD
    text += "" if section.startswith("connection") else CONNECTION
    text += "" if section.startswith("entities") else UNITS
    if section.startswith(UNITS):
        text = HEAD + CONNECTION

    found = examine((text + section).encode()).problems

    assert any(words in each.what for each in found), found


def test_what_the_rules_are_tried_on_is_good_by_itself() -> None:
    good = tenants("search: {get: /t}")
    assert examine((HEAD + CONNECTION + good).encode()).problems == ()
    assert examine((HEAD + CONNECTION + action(BARE)).encode()).problems == ()
