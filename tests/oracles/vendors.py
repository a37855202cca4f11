"""The vendors' own SDKs, in an environment of their own: a question per line, an answer per line.

Run by ``.venv/oracles/bin/python``; it knows nothing of Clockhook.
"""

import datetime as dt
import json
import sys
from typing import Any
from urllib.parse import parse_qsl

import stripe
from google.auth import crypt, jwt
from hubspot.utils.signature import Signature
from sendgrid.helpers.eventwebhook import EventWebhook
from slack_sdk.signature import SignatureVerifier
from square.utils.webhooks_helper import verify_signature
from standardwebhooks import Webhook
from svix.webhooks import Webhook as SvixWebhook
from twilio.request_validator import RequestValidator

Case = dict[str, Any]


def sign_stripe(case: Case) -> dict[str, str]:
    made = stripe.WebhookSignature.generate_signature_header(
        case["body"], case["secret"], case["now"]
    )
    return {"stripe-signature": made}


def verify_stripe(case: Case) -> bool:
    header = case["headers"]["stripe-signature"]
    return bool(
        stripe.WebhookSignature.verify_header(case["body"], header, case["secret"], tolerance=300)
    )


def sign_slack(case: Case) -> dict[str, str]:
    stamp = str(case["now"])
    made = SignatureVerifier(case["secret"]).generate_signature(timestamp=stamp, body=case["body"])
    return {"x-slack-signature": str(made), "x-slack-request-timestamp": stamp}


def verify_slack(case: Case) -> bool:
    return bool(SignatureVerifier(case["secret"]).is_valid_request(case["body"], case["headers"]))


def sign_standard(case: Case, kind: Any = Webhook, prefix: str = "webhook") -> dict[str, str]:
    at = dt.datetime.fromtimestamp(case["now"], dt.UTC)
    return {
        f"{prefix}-id": "msg_1",
        f"{prefix}-timestamp": str(case["now"]),
        f"{prefix}-signature": kind(case["secret"]).sign("msg_1", at, case["body"]),
    }


def verify_standard(case: Case) -> bool:
    Webhook(case["secret"]).verify(case["body"], case["headers"], json_parse=False)
    return True


def sign_svix(case: Case) -> dict[str, str]:
    return sign_standard(case, SvixWebhook, "svix")


def verify_svix(case: Case) -> bool:
    SvixWebhook(case["secret"]).verify(case["body"], case["headers"])
    return True


def sign_hubspot(case: Case) -> dict[str, str]:
    stamp = str(case["now"] * 1000)
    made = Signature.get_signature(case["secret"], case["body"], "v3", case["url"], "POST", stamp)
    return {"x-hubspot-signature-v3": made, "x-hubspot-request-timestamp": stamp}


def verify_hubspot(case: Case) -> bool:
    return Signature.is_valid(
        case["headers"]["x-hubspot-signature-v3"],
        case["secret"],
        case["body"],
        case["url"],
        "POST",
        "v3",
        case["headers"]["x-hubspot-request-timestamp"],
    )


def sign_twilio(case: Case) -> dict[str, str]:
    fields = dict(parse_qsl(case["body"], keep_blank_values=True))
    made = RequestValidator(case["secret"]).compute_signature(case["url"], fields)
    return {"x-twilio-signature": made}


def verify_twilio(case: Case) -> bool:
    fields = dict(parse_qsl(case["body"], keep_blank_values=True))
    signature = case["headers"]["x-twilio-signature"]
    return bool(RequestValidator(case["secret"]).validate(case["url"], fields, signature))


def verify_square(case: Case) -> bool:
    return verify_signature(
        request_body=case["body"],
        signature_header=case["headers"]["x-square-hmacsha256-signature"],
        signature_key=case["secret"],
        notification_url=case["url"],
    )


def verify_sendgrid(case: Case) -> bool:
    return bool(
        EventWebhook(case["secret"]).verify_signature(
            case["body"],
            case["headers"]["x-twilio-email-event-webhook-signature"],
            case["headers"]["x-twilio-email-event-webhook-timestamp"],
        )
    )


def sign_google(case: Case) -> dict[str, str]:
    signer = crypt.RSASigner.from_string(case["secret"], "kid-1")
    return {"authorization": "Bearer " + jwt.encode(signer, case["claims"]).decode()}


def verify_google(case: Case) -> bool:
    token = case["headers"]["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, certs=case["certificates"], audience=case["audience"])
    return claims["iss"] in {"accounts.google.com", "https://accounts.google.com"}


SIGN = {
    "stripe": sign_stripe,
    "slack": sign_slack,
    "standard_webhooks": sign_standard,
    "svix": sign_svix,
    "hubspot": sign_hubspot,
    "twilio": sign_twilio,
    "google_pubsub": sign_google,
}
VERIFY = {
    "stripe": verify_stripe,
    "slack": verify_slack,
    "standard_webhooks": verify_standard,
    "svix": verify_svix,
    "hubspot": verify_hubspot,
    "twilio": verify_twilio,
    "square": verify_square,
    "sendgrid": verify_sendgrid,
    "google_pubsub": verify_google,
}


def answer(question: Case) -> Case:
    """``{"headers"}`` to a question to sign, ``{"valid"}`` to one to verify."""
    if question["verb"] == "sign":
        return {"headers": SIGN[question["vendor"]](question)}
    try:
        return {"valid": VERIFY[question["vendor"]](question)}
    except Exception as error:  # noqa: BLE001 - an SDK refuses by raising what it likes
        return {"valid": False, "why": f"{type(error).__name__}: {error}"}


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
