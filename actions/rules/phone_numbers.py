"""Phone numbers as the networks take them: E.164, with the numbering plans of phonenumbers."""

import phonenumbers


def find_number_problem(text: str) -> str | None:
    """What keeps a text from being a number such as ``+14155550123``; None when it is one.

    Possible is enough: which numbers of a plan are in use changes faster than any table.
    """
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return "Must be a phone number in E.164: a plus sign, the country and the number."
    if not phonenumbers.is_possible_number(number):
        return "Is no number of its country's plan: too short or too long."
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None if written == text else f"Must be written in E.164: {written}."
