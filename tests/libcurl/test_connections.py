"""libcurl and the verifier: hosts and addresses, kept connections, proxies, and what libcurl checks by itself."""
import datetime
import unittest

from programs import FEATURES, ROOT, drive, harness, policy_file, resolve
import servers

ANY = policy_file("ca @pki@/root-ca.pem\nallow any server\n")
SOON = datetime.date.today() + datetime.timedelta(days=2)
EXPIRING = policy_file(f"ca @pki@/root-ca.pem\nallow spki @spki:server@ server not-after={SOON}\n")
OTHER = policy_file("ca @pki@/root-ca.pem\nallow spki @spki:server-rsa@ another\n")
APPLICATION = policy_file("ca application\nallow any server\n")
PROXY_ALONE = policy_file("[proxy]\nhost db.example\nca @pki@/root-ca.pem\nallow any proxy\n"
                          "[server]\nca @pki@/root-ca.pem\nallow spki @spki:server-rsa@ another\n")
PROXY_AND_SERVER = policy_file("[proxy]\nhost db.example\nca @pki@/root-ca.pem\nallow any proxy\n"
                               "[server]\nca @pki@/root-ca.pem\nallow spki @spki:server@ server\n")
LATER = "clock=432000"  # five days
TLS_1_1_AT_MOST = 5 << 16  # CURL_SSLVERSION_MAX_TLSv1_1

# The policy, steps that come before the request, and what comes of it: the reason, CURLcode, HTTP status, peer name.
# The server is "localhost" and 127.0.0.1 by its certificate.
NAME, ADDRESS = "localhost", "127.0.0.1"
ALLOWED = ("RULE", 0, 200)
HOSTS = {
    "name": (NAME, ANY, [], (*ALLOWED, "localhost")),
    "name in capitals": ("LocalHost", ANY, [], (*ALLOWED, "localhost")),
    "address without SNI": (ADDRESS, ANY, [], ("NO_HOST", 60, 0, "")),
    "address that is set": (ADDRESS, ANY, ["address=127.0.0.1"], (*ALLOWED, "")),
    "address in other digits": ("127.1", ANY, ["address=127.0.0.1"], (*ALLOWED, "")),
    "address of another": (ADDRESS, ANY, ["address=127.0.0.2"], ("HOST_MISMATCH", 60, 0, "")),
    "address on top of a name": (NAME, ANY, ["address=127.0.0.2"], ("HOST_MISMATCH", 60, 0, "")),
}
CHECKS = {
    "VERIFYPEER 0": (OTHER, ["verifypeer=0"], ("NO_RULE", 60, 0, "")),
    "VERIFYPEER 0 and VERIFYHOST 0": (OTHER, ["verifypeer=0", "verifyhost=0"], ("NO_RULE", 60, 0, "")),
    "CAs of libcurl": (ANY, [f"cainfo={harness.PKI}/other-ca.pem"], (*ALLOWED, "localhost")),
    "no such file of CAs": (ANY, ["cainfo=nowhere"], ("", 77, 0, "")),
    "no such file of CAs, VERIFYPEER 0": (ANY, ["cainfo=nowhere", "verifypeer=0"], (*ALLOWED, "localhost")),
    "ca application": (APPLICATION, [f"cainfo={ROOT}"], (*ALLOWED, "localhost")),
    "ca application, wrong": (APPLICATION, [f"cainfo={harness.PKI}/other-ca.pem"], ("UNKNOWN_CA", 60, 0, "")),
    "ca application, VERIFYPEER 0": (APPLICATION, [f"cainfo={ROOT}", "verifypeer=0"], ("UNKNOWN_CA", 60, 0, "")),
    "PINNEDPUBLICKEY": (ANY, [f"pinned=sha256//{harness.spki('server')[7:]}"], (*ALLOWED, "localhost")),
    "PINNEDPUBLICKEY, wrong": (ANY, [f"pinned=sha256//{harness.spki('alice')[7:]}"], ("", 90, 0, "")),
}


def outcome(transfer):
    """Our reason, as the handshake or the check before the request gave it, and libcurl's view."""
    reasons = [event["reason"] for event in transfer["events"]]
    return (reasons[-1] if reasons else transfer["reason"], transfer["code"], transfer["status"], transfer["peername"])


class Connections(unittest.TestCase):
    version = "1.3"

    def transfers(self, server, host, *steps):
        """`steps` with URL as the server's; all results must agree on whether a request was made."""
        results = drive(f"resolve={resolve(host, server.port)}", *[
            step.replace("URL", f"https://{host}:{server.port}/") for step in steps])
        for result in results:
            self.assertEqual(result["allowed"], result["status"] != 0 and result["checks"] > 0, result)
        return results

    def requests(self, server):
        """How many requests each connection brought."""
        return [heard.bytes.count(b"GET /") for heard in server.finish()]

    def check_one(self, host, policy, steps, wanted):
        with servers.Server("server", self.version) as server:
            result, = self.transfers(server, host, f"policy={policy}", *steps, "get=URL")
            self.assertEqual(outcome(result), wanted)
            self.assertEqual(self.requests(server), [1 if wanted[2] else 0])

    def check_host(self, host, policy, steps, wanted):
        self.check_one(host, policy, steps, wanted)

    def check_checks(self, policy, steps, wanted):
        self.check_one(NAME, policy, steps, wanted)

    def test_ipv6_address(self):
        try:
            server = servers.Server("server", self.version, "::1")
        except OSError as error:
            self.skipTest(f"no IPv6 on this machine: {error}")
        with server:
            url = f"https://[::1]:{server.port}/"
            bare, = drive(f"policy={ANY}", f"get={url}")
            told, = drive(f"policy={ANY}", "address=::1", f"get={url}")
            self.assertEqual([outcome(bare), outcome(told)], [("NO_HOST", 60, 0, ""), (*ALLOWED, "")])
            self.assertEqual(self.requests(server), [0, 1])

    def test_libcurls_host_check(self):
        """`chain none` does not look at the certificate's names, libcurl does all the same."""
        policy = policy_file("[db]\nhost db.example\nchain none\nallow spki @spki:self-server@ database\n")
        with servers.Server("self-server", self.version) as server:
            strict, lax = self.transfers(server, "db.example", f"policy={policy}", "get=URL", "verifyhost=0", "get=URL")
            self.assertEqual((strict["code"], strict["events"], lax["label"]), (60, [], "database"))
            self.assertEqual(self.requests(server), [0, 1])

    def test_attaching_fails(self):
        with servers.Server("server", self.version) as server:
            result, = self.transfers(server, NAME, f"policy={ANY}", f"version={TLS_1_1_AT_MOST}", "get=URL")
            self.assertEqual((result["code"], result["status"], result["contexts"]), (42, 0, 1))
            self.assertIn("no version from TLS 1.2 on", result["attach"])
            self.assertNotIn(True, [heard.finished for heard in server.finish()])

    def test_rule_expires(self):
        """The kept connection is refused, and the next one in its handshake."""
        with servers.Server("server", self.version) as server:
            results = self.transfers(server, NAME, f"policy={EXPIRING}", "get=URL", "get=URL", LATER, "get=URL")
            again, = self.transfers(server, NAME, f"policy={EXPIRING}", LATER, "get=URL")
            self.assertEqual([outcome(result)[:3] for result in results], [ALLOWED, ALLOWED, ("RULE_EXPIRED", 42, 0)])
            self.assertEqual([result["opened"] for result in results], [1, 0, 0])
            self.assertEqual(outcome(again), ("RULE_EXPIRED", 60, 0, ""))
            self.assertEqual(self.requests(server), [2, 0])

    @unittest.skipUnless("HTTP2" in FEATURES, "this libcurl has no HTTP/2")
    def test_rule_expires_http2(self):
        """libcurl would keep the refused connection, if it were not told otherwise."""
        with servers.Http2Server("server", self.version) as server:
            results = self.transfers(server, NAME, f"policy={EXPIRING}", "get=URL", "get=URL", LATER, "get=URL", "get=URL")
            self.assertEqual([outcome(result)[:3] for result in results],
                             [ALLOWED, ALLOWED, ("RULE_EXPIRED", 42, 0), ("RULE_EXPIRED", 60, 0)])
            self.assertEqual([result["opened"] for result in results], [1, 0, 0, 1])
            self.assertEqual(self.requests(server), [2, 0])

    def test_control_rule_expires_unasked(self):
        with servers.Server("server", self.version) as server:
            first, second = drive(f"policy={EXPIRING}", "asks=0", f"get=https://localhost:{server.port}/", LATER,
                                  f"get=https://localhost:{server.port}/")
            self.assertEqual((first["status"], second["status"], second["opened"], second["checks"]), (200, 200, 0, 0))
            self.assertEqual(self.requests(server), [2])

    def test_another_policy(self):
        """The kept connection is another verifier's. It is given up, and the next one is judged by the new policy."""
        steps = [f"policy={ANY}", "get=URL", f"policy={OTHER}", "get=URL", "forbid=0", "get=URL"]
        with servers.Server("server", self.version) as server:
            results = self.transfers(server, NAME, *steps)
            self.assertEqual([result["opened"] for result in results], [1, 0, 1])
            self.assertEqual([outcome(result)[:2] for result in results],
                             [("RULE", 0), ("OTHER_VERIFIER", 42), ("NO_RULE", 60)])
            self.assertEqual(self.requests(server), [1, 0])

    def test_another_policy_and_a_fresh_connection(self):
        for option in "fresh=1", "forbid=1":
            with servers.Server("server", self.version) as server:
                results = self.transfers(server, NAME, option, f"policy={ANY}", "get=URL", f"policy={OTHER}", "get=URL")
                self.assertEqual([outcome(result)[:2] for result in results], [("RULE", 0), ("NO_RULE", 60)])
                self.assertEqual(self.requests(server), [1, 0])

    def test_control_another_policy_unasked(self):
        with servers.Server("server", self.version) as server:
            get = f"get=https://localhost:{server.port}/"
            results = drive(f"policy={ANY}", "asks=0", get, f"policy={OTHER}", get)
            self.assertEqual([(result["status"], result["opened"]) for result in results], [(200, 1), (200, 0)])
            self.assertEqual(self.requests(server), [2])

    def test_connection_of_libcurl_alone(self):
        """libcurl does not tell connections apart by their SSL_CTX function."""
        with servers.Server("server", self.version) as server:
            results = self.transfers(server, NAME, f"cainfo={ROOT}", "get=URL", f"policy={ANY}", "get=URL")
            self.assertEqual([(result["opened"], result["code"]) for result in results], [(1, 0), (0, 42)])
            self.assertEqual(outcome(results[1])[0], "NOT_JUDGED")
            self.assertEqual(self.requests(server), [1])

    def test_redirection(self):
        """Each stop of a redirection has its own connection, which is judged and asked about."""
        with servers.Server("server", self.version) as good, servers.Server("other-server", self.version) as bad:
            start = f"get=https://localhost:{good.port}/to?https://localhost:"
            stays, leaves = drive(f"policy={ANY}", "follow=1", f"{start}{good.port}/", f"{start}{bad.port}/")
            self.assertEqual((stays["status"], stays["checks"], stays["allowed"]), (200, 2, True))
            self.assertEqual((leaves["code"], leaves["events"][-1]["reason"]), (60, "UNKNOWN_CA"))
            self.assertEqual((self.requests(good), self.requests(bad)), ([3], [0]))


class Connections12(Connections):
    version = "1.2"


@unittest.skipUnless("HTTPS-proxy" in FEATURES, "this libcurl has no HTTPS proxies")
class Proxies(unittest.TestCase):
    """CURLOPT_SSL_CTX_FUNCTION is called for a proxy of https:// as well, which the verifier judges by its own name."""

    def through(self, certificate, scheme, policy, *steps, host=NAME):
        """The only transfer, its reasons, and how many requests came to the proxy and to the server."""
        kind = servers.Proxy if scheme == "https" else servers.PlainProxy
        with kind(certificate) as proxy, servers.Server("server") as server:
            result, = drive(f"resolve={resolve('db.example', proxy.port)}", f"proxy={scheme}://db.example:{proxy.port}",
                            f"cainfo={ROOT}", f"proxycainfo={ROOT}", f"policy={policy}", *steps,
                            f"get=https://{host}:{server.port}/")
            requests = [heard.bytes.count(b" HTTP/1.1\r\n") for heard in [*proxy.finish(), *server.finish()]]
        return result, [event["reason"] for event in result["events"]], requests

    def test_both_allowed(self):
        """The proxy is judged in its handshake alone: the check before the request is about the server."""
        result, reasons, requests = self.through("server-db", "https", PROXY_AND_SERVER)
        self.assertEqual((result["status"], result["label"]), (200, "server"))
        self.assertEqual((result["contexts"], result["checks"]), (2, 1))
        self.assertEqual((reasons, requests), (["RULE"], [1, 1]))

    def test_proxy_without_a_rule(self):
        result, reasons, requests = self.through("server-db", "https", EXPIRING)
        self.assertEqual((result["status"], result["contexts"], reasons, requests), (0, 1, ["NO_RULE"], [0]))

    def test_proxy_of_another_name(self):
        result, reasons, requests = self.through("server", "https", ANY)
        self.assertEqual((result["status"], result["contexts"], reasons, requests), (0, 1, ["HOST_MISMATCH"], [0]))

    def test_server_behind_a_proxy_is_refused(self):
        result, reasons, requests = self.through("server-db", "https", PROXY_ALONE)
        self.assertEqual((result["status"], result["contexts"], reasons, requests), (0, 2, ["NO_RULE"], [1, 0]))

    def test_address_behind_a_proxy(self):
        """The address is set for the proxy's connection, too, which is another's."""
        result, reasons, requests = self.through("server-db", "https", PROXY_AND_SERVER, f"address={ADDRESS}", host=ADDRESS)
        self.assertEqual((result["status"], result["contexts"], reasons, requests), (0, 1, ["HOST_MISMATCH"], [0]))

    def test_plain_proxy(self):
        """A proxy of http:// has no TLS of its own."""
        result, reasons, requests = self.through(None, "http", EXPIRING)
        self.assertEqual((result["status"], result["contexts"], reasons, requests), (200, 1, ["RULE"], [1, 1]))

    def test_server_behind_a_plain_proxy_is_refused(self):
        result, reasons, requests = self.through(None, "http", OTHER)
        self.assertEqual((result["status"], result["contexts"], reasons, requests), (0, 1, ["NO_RULE"], [1, 0]))


def add(check, name, case):
    method = f"{check.__name__.replace('check', 'test')}_{name.replace(' ', '_')}"
    setattr(Connections, method, lambda self: check(self, *case))


for table, checker in (HOSTS, Connections.check_host), (CHECKS, Connections.check_checks):
    for title, row in table.items():
        add(checker, title, row)
harness.main()
