"""The words that are printed, in English and French."""

from __future__ import annotations

from typing import Final

from pmsbridge.model.ledger import EntryKind
from pmsbridge.portal.words import LANGUAGES

__all__ = ["KIND_WORDS", "label"]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "statement": ("Statement", "Relevé de compte"),
    "invoice": ("Invoice", "Facture"),
    "receipt": ("Receipt", "Reçu"),
    "to": ("To", "À"),
    "statement_date": ("Statement date", "Date du relevé"),
    "period": ("Period", "Période"),
    "account_number": ("Account no.", "N° de compte"),
    "unit": ("Unit", "Unité"),
    "units": ("Units", "Unités"),
    "date": ("Date", "Date"),
    "description": ("Description", "Description"),
    "charges": ("Charges", "Débits"),
    "payments": ("Payments", "Crédits"),
    "balance": ("Balance", "Solde"),
    "opening_balance": ("Opening balance", "Solde initial"),
    "closing_balance": ("Closing balance", "Solde final"),
    "total_charges": ("Total charges", "Total des débits"),
    "total_payments": ("Total payments and credits", "Total des paiements et crédits"),
    "due_now": ("Due now", "À payer maintenant"),
    "past_due": ("Past due", "En retard"),
    "credit": ("Credit on account", "Avoir au compte"),
    "not_due": ("Not due yet", "Non échu"),
    "up_to_30": ("Due 0–29 days", "Échu 0 à 29 jours"),
    "up_to_60": ("Due 30–59 days", "Échu 30 à 59 jours"),
    "up_to_90": ("Due 60–89 days", "Échu 60 à 89 jours"),
    "over_90": ("Due 90 days or more", "Échu 90 jours ou plus"),
    "invoice_number": ("Invoice no.", "N° de facture"),
    "issued": ("Issued", "Date d’émission"),
    "due": ("Due", "Échéance"),
    "on_receipt": ("On receipt", "À réception"),
    "net": ("Before tax", "Hors taxes"),
    "tax": ("Tax", "Taxes"),
    "total": ("Total", "Total"),
    "total_net": ("Total before tax", "Total hors taxes"),
    "paid": ("Paid", "Payé"),
    "balance_due": ("Balance due", "Reste à payer"),
    "receipt_number": ("Receipt no.", "N° de reçu"),
    "paid_on": ("Paid on", "Payé le"),
    "paid_by": ("Paid by", "Mode de paiement"),
    "reference": ("Reference", "Référence"),
    "amount": ("Amount", "Montant"),
    "amount_paid": ("Amount paid", "Montant payé"),
    "payment_for": ("Payment for {what}", "Paiement pour {what}"),
    "payment": ("Payment", "Paiement"),
    "state": ("Status", "État"),
    "reversed": ("Reversed: this payment no longer stands", "Annulé : ce paiement n’est plus valable"),
    "refunded": ("Refunded", "Remboursé"),
    "disputed": ("Disputed", "Contesté"),
    "amounts_in": ("All amounts in {currency}.", "Tous les montants sont en {currency}."),
    "minus_is_credit": (
        "A minus sign on a balance means that it is in your favour.",
        "Un solde négatif est en votre faveur.",
    ),
    "before_tax": (
        "Amounts are before tax: the office’s system does not tell the tax of this invoice.",
        "Les montants sont hors taxes : le système du bureau n’indique pas la taxe de cette facture.",
    ),
    "no_movements": ("No movements in this period", "Aucun mouvement pendant cette période"),
    "page": ("Page {page} of {pages}", "Page {page} sur {pages}"),
    "logo": ("Logo of {name}", "Logo de {name}"),
    "contract": ("Contract", "Contrat"),
    "contract_number": ("Contract no.", "N° de contrat"),
    "as_of": ("As of", "En date du"),
    "since": ("Since", "Depuis le"),
    "begins_on": ("From", "À partir du"),
    "paid_through": ("Paid through", "Payé jusqu’au"),
    "leaving_on": ("Leaving on", "Départ prévu le"),
    "ended_on": ("Ended on", "Terminé le"),
    "items_out": ("Items out", "Articles sortis"),
    "due_back": ("Back by", "Retour prévu"),
    "ordered": ("Ordered", "Commandé"),
    "out": ("Out", "Sorti"),
    "returned": ("Returned", "Rendu"),
    "on_rent": ("On rent", "En location"),
    "rent": ("Rent before tax", "Loyer hors taxes"),
    "unit_let": ("Unit {unit}", "Unité {unit}"),
    "as_told": (
        "What the office’s system told on {day}. The signed contract is the one that the office keeps.",
        "Selon le système du bureau, le {day}. Le contrat signé est celui que le bureau conserve.",
    ),
    "quote_number": ("Quote no.", "N° de devis"),
    "quote_as_told": (
        "What the office’s system told on {day}. A quote is no contract.",
        "Selon le système du bureau, le {day}. Un devis n’est pas un contrat.",
    ),
    "reservation": ("Reservation", "Réservation"),
    "reservation_number": ("Reservation no.", "N° de réservation"),
    "reservation_as_told": (
        "What the office’s system told on {day}. A reservation is no contract.",
        "Selon le système du bureau, le {day}. Une réservation n’est pas un contrat.",
    ),
    "rental_quote": ("Quote", "Devis"),
    "rental_reserved": ("Reserved", "Réservé"),
    "rental_active": ("Active", "En cours"),
    "rental_notice_given": ("Notice given", "Préavis donné"),
    "rental_off_rent": ("Off rent", "Location arrêtée"),
    "rental_returned": ("Returned", "Rendu"),
    "rental_closed": ("Closed", "Clos"),
    "rental_cancelled": ("Cancelled", "Annulé"),
    "rental_evicted": ("Ended by the office", "Résilié par le bureau"),
    "rental_unknown": ("Not told", "Non communiqué"),
    "thanks": ("Thank you for your payment.", "Merci de votre paiement."),
}

_KIND_PAIRS: Final[dict[EntryKind, tuple[str, str]]] = {
    EntryKind.CHARGE: ("Charge", "Frais"),
    EntryKind.TAX: ("Tax", "Taxe"),
    EntryKind.PAYMENT: ("Payment", "Paiement"),
    EntryKind.CREDIT: ("Credit", "Crédit"),
    EntryKind.REFUND: ("Refund", "Remboursement"),
    EntryKind.REVERSAL: ("Reversed payment", "Paiement annulé"),
    EntryKind.WRITE_OFF: ("Write-off", "Radiation"),
    EntryKind.DEPOSIT: ("Deposit", "Dépôt de garantie"),
    EntryKind.TRANSFER: ("Transfer", "Transfert"),
    EntryKind.UNKNOWN: ("Movement", "Mouvement"),
}
KIND_WORDS: Final = {
    language: {kind: pair[place] for kind, pair in _KIND_PAIRS.items()} for place, language in enumerate(LANGUAGES)
}
"""What a movement is called where the back office says nothing of it, by language and kind."""


def label(key: str, language: str, **facts: str) -> str:
    """The words of a key.

    Raises:
        KeyError: There is no such key, or a fact is missing.
    """
    return _WORDS[key][LANGUAGES.index(language)].format(**facts)
