/* The program around the two functions of mtlspin(7), which man_test.py puts in place of the line PAGE: a server that greets
   one client after another.

     greeter CERTIFICATE KEY ADDRESS:PORT */
#include <mtlspin/mtlspin.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct mtlspin_verifier *guard(SSL_CTX *context, struct mtlspin_error *error);
void greet(struct mtlspin_verifier *verifier, SSL *ssl);

/* PAGE */

int
main(int argc, char **argv)
{
    char text[1024];
    struct mtlspin_error error = MTLSPIN_ERROR_INIT;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (argc != 4 || context == NULL || SSL_CTX_use_certificate_chain_file(context, argv[1]) != 1
        || SSL_CTX_use_PrivateKey_file(context, argv[2], SSL_FILETYPE_PEM) != 1)
        return 2;
    struct mtlspin_verifier *verifier = guard(context, &error);
    BIO *listener = BIO_new_accept(argv[3]);
    if (verifier == NULL || listener == NULL || BIO_do_accept(listener) <= 0) {
        fprintf(stderr, "greeter: %s\n", mtlspin_error_format(&error, text, sizeof text));
        return 1;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    printf("listening on port %s\n", BIO_get_accept_port(listener));
    fflush(stdout);
    while (BIO_do_accept(listener) > 0) {
        BIO *client = BIO_pop(listener);
        SSL *ssl = SSL_new(context);
        if (ssl == NULL)
            break;
        SSL_set_bio(ssl, client, client);
        greet(verifier, ssl);
        (void)SSL_shutdown(ssl);
        SSL_free(ssl);
    }
    return 1;
}
