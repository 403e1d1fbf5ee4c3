/* Not built yet. */
#include "postgres.h"

#include "core/errors.h"
#include "domain/credit_note/credit_note.h"
#include "fmgr.h"

void
credit_note_of_amount(CreditNote *note, Money amount)
{
	Ensure(false, "not built");
}
void
credit_note_issue(CreditNote *note)
{
	Ensure(false, "not built");
}
