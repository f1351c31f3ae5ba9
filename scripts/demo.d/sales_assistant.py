"""The agent: an ordinary program that turns a request of a person into calls of the company's systems, with the one API key
it was given. It would have a language model for the first half; the second half is this."""
import os
import re
import sys

import requests

CRM, FINANCE = os.environ["CRM_URL"], os.environ["FINANCE_URL"]
session = requests.Session()
session.headers["Authorization"] = "Bearer " + os.environ["API_KEY"]


def get_contact(contact):
    return session.get(f"{CRM}/contacts/{contact}", timeout=10)


def add_note(contact, text):
    return session.post(f"{CRM}/contacts/{contact}/notes", json={"text": text}, timeout=10)


def get_revenue(quarter):
    return session.get(f"{FINANCE}/revenue/{quarter}", timeout=10)


def plan(request):
    """What to call for `request`, as (function, arguments)."""
    if match := re.search(r"watch contact (\d+)", request):
        while True:
            yield get_contact, (match[1],)
    elif match := re.search(r"note on contact (\d+): (.*)", request):
        yield add_note, match.groups()
    elif match := re.search(r"contact (\d+)", request):
        yield get_contact, (match[1],)
    elif match := re.search(r"revenue of (\S+)", request):
        yield get_revenue, (match[1],)
    else:
        sys.exit(f"I do not know how to: {request}")


for call, arguments in plan(input().strip()):
    try:
        answer = call(*arguments)
        answer.raise_for_status()
        print(answer.text)
    except requests.RequestException as error:
        sys.exit(f"{call.__name__} failed: {error}")
