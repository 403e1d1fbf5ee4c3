/*
 * credit_note_args.h
 *	  From the JSON of lines to those of a credit note.
 */
#ifndef BILLING_CREDIT_NOTE_ARGS_H
#define BILLING_CREDIT_NOTE_ARGS_H

#include "domain/credit_note/credit_note.h"
#include "utils/jsonb.h"

/* Gives the note its lines: number and net of each, a description where there is one. */
extern void
credit_note_parse_lines(CreditNote *note, const Jsonb *document, const Currency *currency);

#endif
