"""Which internet addresses an action may talk to: public unicast ones, and nothing that leads
inwards.
"""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA's special-purpose registry, multicast and reserved space (RFC 6890 and what came after it).
_INWARD_V4 = [
    (ipaddress.IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
]
# Named for the message alone; whatever lies outside 2000::/3 is refused anyway.
_INWARD_V6 = [
    (ipaddress.IPv6Network(network), name)
    for network, name in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
        # These lie inside 2000::/3. The first holds Teredo, the third is 6to4: both carry IPv4
        # addresses.
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
    )
]
_GLOBAL_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")


def find_address_refusal(address: Address) -> str | None:
    """What kind of inward address this is (``loopback``, ``private`` …); None for a public one."""
    if isinstance(address, ipaddress.IPv4Address):
        return next((name for network, name in _INWARD_V4 if address in network), None)
    name = next((name for network, name in _INWARD_V6 if address in network), None)
    if name is None and address not in _GLOBAL_UNICAST_V6:
        return "reserved"
    return name
