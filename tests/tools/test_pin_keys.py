"""Keys of every type that this OpenSSL makes, in every form that it writes: `mtlspin pin` and openssl say the same."""
import re
import sys

from pin_kit import PKI, Tally, WORK, facts, meanings, openssl, pin, serial_of_openssl, spki_of_pem, thumbprint_of_der, \
    try_openssl, uncommented, write

KEYS = {  # name: arguments of genpkey; the curves, and what newer versions have, are added below
    "rsa1024": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"),
    "rsa2048": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "rsa3072": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"),
    "rsa4096": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"),
    "rsa-odd": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1031", "-pkeyopt", "rsa_keygen_pubexp:3"),
    "rsa-pss": ("-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"),
    "rsa-pss-limited": ("-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048",
                        "-pkeyopt", "rsa_pss_keygen_md:sha256"),
    "ed25519": ("-algorithm", "ED25519"), "ed448": ("-algorithm", "ED448"),
    "x25519": ("-algorithm", "X25519"), "x448": ("-algorithm", "X448"),
    "dh": ("-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"),
    "dhx": ("-algorithm", "DHX", "-pkeyopt", "group:dh_2048_256"),
    "explicit": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"),
}
LATER = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87", "ML-KEM-512", "ML-KEM-768", "ML-KEM-1024", "X25519MLKEM768",
         "SLH-DSA-SHA2-128s", "SLH-DSA-SHAKE-128f")
FEW = {"rsa2048", "rsa-pss", "ed25519", "dsa", "explicit", "ec-secp384r1", "ml-dsa-44", "x448"}  # in every form
PASSPHRASE = "correct horse"


def curves():
    text = openssl("ecparam", "-list_curves").decode()
    return re.findall(r"^\s*([\w.-]+)\s*:", text, re.MULTILINE)


def make_keys(tally):
    """{name: PEM of a private key}"""
    makers = dict(KEYS)
    makers |= {f"ec-{curve}": ("-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}") for curve in curves()}
    makers |= {name.lower(): ("-algorithm", name) for name in LATER}
    made = {}
    parameters = write("dsa.param", openssl("genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt",
                                            "dsa_paramgen_bits:1024"))
    makers["dsa"] = ("-paramfile", parameters)
    for name, arguments in makers.items():
        key = try_openssl("genpkey", *arguments)
        if key is None:
            tally.skip(name, "this OpenSSL makes no such key")
        else:
            made[name] = key
    return made


def expect(tally, what, path, spki, kind, options=(), count=1):
    """The `count` things in the file have this pin, and one of them is of this kind."""
    status, things = facts(*options, path)
    tally.check(status == 0 and {thing["spki"] for thing in things} == {spki} and len(things) == count
                and kind in [thing["kind"] for thing in things], f"{what}: {spki}", f"{status} {things}")
    return things


def check_key(tally, name, pem):
    """The private key and its public half, in both encodings."""
    path = write(f"{name}.key", pem)
    public = openssl("pkey", "-in", path, "-pubout")
    spki = spki_of_pem(public)
    write(f"{name}.pub", public)
    write(f"{name}.pub.der", openssl("pkey", "-pubin", "-in", WORK / f"{name}.pub", "-outform", "DER"))
    write(f"{name}.key.der", openssl("pkey", "-in", path, "-outform", "DER"))
    things = expect(tally, f"{name}, private", path, spki, "private_key")
    expect(tally, f"{name}, private DER", WORK / f"{name}.key.der", spki, "private_key")
    expect(tally, f"{name}, public", WORK / f"{name}.pub", spki, "public_key")
    expect(tally, f"{name}, public DER", WORK / f"{name}.pub.der", spki, "public_key")
    tally.check(things[0].get("key_type", "") != "" and things[0].get("key_bits", 0) > 0, f"{name}: type and size",
                str(things))
    check_lines(tally, name, things)
    return spki


def check_lines(tally, name, things):
    for thing in things:
        lines = thing["policy_lines"]
        said = meanings(uncommented(lines))
        tally.check(len(lines) > 0 and all(line.startswith("# ") for line in lines) and len(said) == len(lines)
                    and not any(kind == "!" for kind, _ in said), f"{name}: its lines are a policy's", f"{lines} {said}")


def check_old_forms(tally, name, spki):
    """PKCS #1 and SEC 1, and what is encrypted."""
    key, secret = WORK / f"{name}.key", write("passphrase", PASSPHRASE.encode() + b"\r\nsomething else\n")
    forms = {"encrypted": ("pkey", "-in", key, "-aes256", "-passout", f"pass:{PASSPHRASE}"),
             "encrypted DER": ("pkcs8", "-topk8", "-in", key, "-outform", "DER", "-passout", f"pass:{PASSPHRASE}"),
             "traditional": ("pkey", "-in", key, "-traditional"),
             "traditional DER": ("pkey", "-in", key, "-traditional", "-outform", "DER"),
             "traditional, encrypted": ("pkey", "-in", key, "-traditional", "-aes128", "-passout", f"pass:{PASSPHRASE}"),
             "public, PKCS #1": ("rsa", "-in", key, "-RSAPublicKey_out"),
             "public, PKCS #1 DER": ("rsa", "-in", key, "-RSAPublicKey_out", "-outform", "DER")}
    for what, arguments in forms.items():
        form = try_openssl(*arguments)
        if form is None or (arguments[0] == "rsa" and name != "rsa2048"):
            continue
        path = write("form", form)
        expect(tally, f"{name}, {what}", path, spki, "public_key" if "public" in what else "private_key",
               ("--passphrase-file", secret))
        if "encrypted" in what:
            done = pin(path)
            tally.check(done.returncode == 2 and done.stdout == b"" and b"--passphrase-file" in done.stderr,
                        f"{name}, {what}: without a terminal nobody is asked", done.stderr.decode())
            done = pin("--passphrase-file", write("wrong", b"wrong\n"), path)
            tally.check(done.returncode == 2 and done.stdout == b"" and b"the passphrase does not open" in done.stderr,
                        f"{name}, {what}: a wrong passphrase", done.stderr.decode())


def check_seed_forms(tally, name, spki):
    """A private key of ML-DSA or ML-KEM is a seed, what is made of it, or both (see EVP_PKEY-ML-DSA(7))."""
    forms = {form: openssl("pkcs8", "-topk8", "-nocrypt", "-in", WORK / f"{name}.key", "-provparam",
                           f"{name[:6]}.output_formats={form}")
             for form in ("seed-only", "priv-only", "seed-priv", "bare-seed", "bare-priv")}
    tally.check(len(set(forms.values())) == len(forms), f"{name}: each form is another", str(sorted(forms)))
    for what, form in forms.items():
        expect(tally, f"{name}, {what}", write("form", form), spki, "private_key")


def make_certificate(name, ca):
    """PEM of a certificate, by a CA: some keys sign nothing."""
    key, public = WORK / f"{name}.key", WORK / f"{name}.pub"
    request = try_openssl("req", "-new", "-key", key, "-subj", f"/CN={name}")
    if request is not None:
        write(f"{name}.csr", request)
        return try_openssl("x509", "-req", "-CA", ca, "-CAkey", ca.with_suffix(".key"), data=request), request
    stand_in = openssl("req", "-new", "-key", PKI / "alice.key", "-subj", f"/CN={name}")
    return try_openssl("x509", "-req", "-CA", ca, "-CAkey", ca.with_suffix(".key"), "-force_pubkey", public,
                       data=stand_in), None


def check_certificate(tally, name, spki):
    ca = PKI / "clients-ca.pem"
    certificate, request = make_certificate(name, ca)
    if certificate is None:
        tally.skip(f"{name}, certificate", "openssl cannot make one with this key")
        return
    path = write(f"{name}.pem", certificate)
    der = openssl("x509", "-in", path, "-outform", "DER")
    for what, form in (("PEM", path), ("DER", write(f"{name}.der", der))):
        thing = expect(tally, f"{name}, certificate, {what}", form, spki, "certificate", ("--issuer", ca))[0]
        tally.check(thing["thumbprint"] == thumbprint_of_der(der), f"{name}: thumbprint, {what}", str(thing))
        tally.check(int(thing["serial"], 16) == serial_of_openssl(openssl("x509", "-in", path, "-noout", "-serial")),
                    f"{name}: serial number, {what}", thing["serial"])
        tally.check(sorted({kind for kind, _ in meanings(uncommented(thing["policy_lines"]))}) == ["1", "2", "3"]
                    and {label for _, label in meanings(uncommented(thing["policy_lines"]))} == {name},
                    f"{name}: lines for key, certificate and serial number", str(thing["policy_lines"]))
    if request is not None:
        write(f"{name}.csr.der", openssl("req", "-in", WORK / f"{name}.csr", "-outform", "DER"))
        for form in (WORK / f"{name}.csr", WORK / f"{name}.csr.der"):
            thing = expect(tally, f"{name}, {form.suffix} request", form, spki, "certificate_request")[0]
            tally.check(thing["signature_valid"] is True, f"{name}: the request is signed with the key", str(thing))


def check_pkcs12(tally, name, spki):
    secret = WORK / "passphrase"
    arguments = ("pkcs12", "-export", "-in", WORK / f"{name}.pem", "-inkey", WORK / f"{name}.key")
    forms = {"with a passphrase": (*arguments, "-passout", f"pass:{PASSPHRASE}"),
             "with an empty passphrase": (*arguments, "-passout", "pass:"),
             "without a MAC": (*arguments, "-nomac", "-keypbe", "NONE", "-certpbe", "NONE", "-passout", "pass:")}
    for what, command in forms.items():
        bag = try_openssl(*command)
        if bag is None:
            tally.skip(f"{name}, PKCS #12 {what}", "openssl cannot make one")
            continue
        path = write("bag.p12", bag)
        expect(tally, f"{name}, PKCS #12 {what}", path, spki, "certificate", ("--passphrase-file", secret), 2)
        if "with a passphrase" not in what:
            continue
        done = pin(path)
        tally.check(done.returncode == 2 and b"--passphrase-file" in done.stderr, f"{name}, PKCS #12: nobody is asked",
                    done.stderr.decode())
        done = pin("--passphrase-file", WORK / "wrong", path)
        tally.check(done.returncode == 2 and b"the passphrase does not open" in done.stderr,
                    f"{name}, PKCS #12: a wrong passphrase", done.stderr.decode())


def check_old_pkcs12(tally):
    """With a cipher that OpenSSL has put away: what to do instead, which works."""
    bag = try_openssl("pkcs12", "-export", "-legacy", "-in", PKI / "alice.pem", "-inkey", PKI / "alice.key",
                      "-passout", "pass:")
    if bag is None:
        tally.skip("PKCS #12 of old", "this OpenSSL has no legacy provider")
        return
    path = write("old.p12", bag)
    done = pin(path)
    tally.check(done.returncode == 2 and b"openssl pkcs12 -legacy -nokeys -in FILE | mtlspin pin -" in done.stderr,
                "PKCS #12 of old: what to do", str(done))
    text = openssl("pkcs12", "-legacy", "-nokeys", "-in", path, "-passin", "pass:")
    tally.check(pin("-", data=text).stdout.count(b"thumbprint  ") == 1, "PKCS #12 of old: that helps")


def check_mixtures(tally):
    """All in their order; what is between the blocks does not matter."""
    parameters = openssl("ecparam", "-name", "prime256v1")
    text = b"".join((parameters, (PKI / "alice.key").read_bytes(), b"subject=alice\r\n", (PKI / "alice.csr").read_bytes(),
                     (PKI / "clients.crl").read_bytes(), openssl("x509", "-in", PKI / "alice.pem", "-text"),
                     (PKI / "alice.pub.pem").read_bytes(), openssl("x509", "-in", PKI / "alice.pem", "-trustout",
                                                                   "-addtrust", "clientAuth", "-setalias", "a")))
    for what, content in (("", text), (", byte order mark", b"\xef\xbb\xbf" + text[len(parameters):]),
                          (", Windows line ends", text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))):
        status, things = facts(write("mixed.pem", content))
        tally.check(status == 0 and [thing["kind"] for thing in things]
                    == ["parameters", "private_key", "certificate_request", "revocation_list", "certificate",
                        "public_key", "certificate"]["byte order" in what:]
                    and len({thing["spki"] for thing in things if "spki" in thing}) == 1,
                    f"a mixture{what}", f"{status} {things}")
        labels = {label for thing in things for _, label in meanings(uncommented(thing["policy_lines"]))}
        tally.check(labels == {"alice"}, f"a mixture{what}: one name for one key", str(labels))


def check_bags(tally):
    for form in ("PEM", "DER"):
        bag = write(f"bag.{form}", openssl("crl2pkcs7", "-nocrl", "-certfile", PKI / "alice-chain.pem", "-outform", form))
        status, things = facts(bag)
        tally.check(status == 0 and [thing["subject"][:8] for thing in things] == ["CN=alice", "CN=Examp"],
                    f"PKCS #7 in {form}", str(things))


def check_chain_in_pkcs12(tally):
    bag = write("chain.p12", openssl("pkcs12", "-export", "-in", PKI / "alice-chain.pem", "-inkey", PKI / "alice.key",
                                     "-passout", "pass:"))
    status, things = facts(bag)
    tally.check(status == 0 and [thing["kind"] for thing in things] == ["certificate", "certificate", "private_key"]
                and things[0]["subject"].startswith("CN=alice") and things[1]["ca"] is True
                and things[0]["issuer_spki"] == things[1]["spki"], "a chain in PKCS #12", str(things))


def main():
    tally = Tally()
    write("passphrase", PASSPHRASE.encode() + b"\n")
    write("wrong", b"wrong\n")
    keys = make_keys(tally)
    for name, pem in keys.items():
        spki = check_key(tally, name, pem)
        check_certificate(tally, name, spki)
        if name in FEW:
            check_old_forms(tally, name, spki)
        if name.startswith(("ml-dsa", "ml-kem")):
            check_seed_forms(tally, name, spki)
        if name in FEW and (WORK / f"{name}.pem").exists():
            check_pkcs12(tally, name, spki)
    check_chain_in_pkcs12(tally)
    check_old_pkcs12(tally)
    check_mixtures(tally)
    check_bags(tally)
    tally.check(len(keys) > 20, "many keys were made", str(len(keys)))
    tally.finish()


if __name__ == "__main__":
    sys.exit(main())
