#!/usr/bin/env python3
"""Checks a webhook as its receiver should, by the Standard Webhooks specification: ends with status 1 if it is not
genuine. On its input: {"secret", "id", "timestamp", "signature", "body"}."""

import base64
import hashlib
import hmac
import json
import sys

letter = json.load(sys.stdin)
key = base64.b64decode(letter["secret"].removeprefix("whsec_"))
content = f'{letter["id"]}.{letter["timestamp"]}.{letter["body"]}'.encode()
expected = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
sys.exit(0 if any(hmac.compare_digest(expected, given) for given in letter["signature"].split()) else 1)
