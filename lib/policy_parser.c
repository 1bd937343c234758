/* Mistakes of a policy file, each at its place. */
#include "policy_parser.h"
#include "error.h"

enum mtlspin_status
mtlspin__fail_at(struct mtlspin__parser *p, unsigned column, enum mtlspin_status status)
{
    mtlspin__error_place(p->error, p->name, p->number, column);
    return status;
}

enum mtlspin_status
mtlspin__fail_word(struct mtlspin__parser *p, const struct mtlspin__word *word, const char *what)
{
    return mtlspin__fail_at(p, word->column, mtlspin__fail(p->error, MTLSPIN_ERR_SYNTAX, what, word->text));
}

enum mtlspin_status
mtlspin__place(struct mtlspin__parser *p, enum mtlspin_status status)
{
    const struct mtlspin__word *word = NULL;
    if (status == MTLSPIN_OK)
        return status;
    switch (p->builder->culprit) {
    case MTLSPIN__KIND: word = &p->line.words[1]; break;
    case MTLSPIN__VALUE: word = p->value; break;
    case MTLSPIN__LABEL: word = p->label; break;
    case MTLSPIN__ISSUER: word = p->issuer; break;
    case MTLSPIN__DATE: word = p->date; break;
    default: break;
    }
    return mtlspin__fail_at(p, word != NULL ? word->column : p->line.words[0].column, status);
}
