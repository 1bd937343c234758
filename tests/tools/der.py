"""Certificates and requests byte by byte, with names that no tool would write. Nobody has signed them."""
import subprocess

INTEGER, BITS, OCTETS, UTF8, PRINTABLE, T61, IA5, UNIVERSAL, BMP, SEQUENCE, SET = \
    2, 3, 4, 12, 19, 20, 22, 28, 30, 0x30, 0x31
COMMON_NAME, ORGANIZATION, ALTERNATIVES = "2.5.4.3", "2.5.4.10", "2.5.29.17"


def tlv(tag, content):
    length = len(content)
    size = bytes([length]) if length < 128 else b""
    if length >= 128:
        digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
        size = bytes([0x80 | len(digits)]) + digits
    return bytes([tag]) + size + content


def oid(text):
    first, second, *rest = map(int, text.split("."))
    content = bytes([first * 40 + second])
    for number in rest:
        digits = [number & 0x7f]
        while number > 0x7f:
            number >>= 7
            digits.insert(0, 0x80 | number & 0x7f)
        content += bytes(digits)
    return tlv(6, content)


def name(*parts):
    """Of (oid, tag, bytes)."""
    return tlv(SEQUENCE, b"".join(tlv(SET, tlv(SEQUENCE, oid(kind) + tlv(tag, value))) for kind, tag, value in parts))


def common_name(tag, value):
    return name((COMMON_NAME, tag, value))


def alternative(number, value):
    """A GeneralName: 1 email, 2 dns, 6 uri, 7 ip as they are; 0 other, 4 directory hold a structure."""
    return tlv((0xa0 if number in (0, 4) else 0x80) | number, value)


def other_name(kind, tag, value):
    return alternative(0, oid(kind) + tlv(0xa0, tlv(tag, value)))


def extension(kind, value):
    return tlv(SEQUENCE, oid(kind) + tlv(OCTETS, value))


def public_key():
    """DER of a key that nobody keeps."""
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519"], capture_output=True, check=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubout", "-outform", "DER"], input=key, capture_output=True,
                          check=True).stdout


def certificate(subject, key, alternatives=(), issuer=None, serial=b"\x01", extensions=None,
                start=b"260101000000Z", end=b"491231235959Z"):
    algorithm = tlv(SEQUENCE, oid("1.3.101.112"))
    if extensions is None:
        extensions = [extension(ALTERNATIVES, tlv(SEQUENCE, b"".join(alternatives)))] if alternatives else []
    body = tlv(0xa0, tlv(INTEGER, b"\x02")) + tlv(INTEGER, serial) + algorithm
    body += (issuer or common_name(UTF8, b"An Issuer")) + tlv(SEQUENCE, tlv(23, start) + tlv(23, end)) + subject + key
    if extensions:
        body += tlv(0xa3, tlv(SEQUENCE, b"".join(extensions)))
    return tlv(SEQUENCE, tlv(SEQUENCE, body) + algorithm + tlv(BITS, b"\x00" + bytes(64)))


def request(subject, key):
    body = tlv(SEQUENCE, tlv(INTEGER, b"\x00") + subject + key + tlv(0xa0, b""))
    return tlv(SEQUENCE, body + tlv(SEQUENCE, oid("1.3.101.112")) + tlv(BITS, b"\x00" + bytes(64)))
