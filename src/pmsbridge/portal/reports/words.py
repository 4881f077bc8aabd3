"""The words of a report, in English and French."""

from __future__ import annotations

from typing import Final

from pmsbridge.portal.words import LANGUAGES

__all__ = ["heads", "word"]

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("Customers of {place}", "Clients de {place}"),
    "range": ("{since} to {until}", "Du {since} au {until}"),
    "customers": ("Customers", "Clients"),
    "rentals": ("Rentals", "Locations"),
    "average": ("Average stay", "Durée moyenne"),
    "on_time": ("Paid on time", "Payé à temps"),
    "paid": ("Paid", "Encaissé"),
    "days": ("{days} days", "{days} jours"),
    "length": ("How long customers stay", "Durée des locations"),
    "length_text": (
        "Customers by the length of their longest rental.",
        "Clients selon la durée de leur plus longue location.",
    ),
    "reliability": ("How reliably they pay", "Ponctualité des paiements"),
    "reliability_text": (
        "Customers by the share of their charges that was settled within five days.",
        "Clients selon la part de leurs frais réglée dans les cinq jours.",
    ),
    "moves": ("Changes of unit", "Changements d’unité"),
    "moves_text": (
        "How often a customer went on to a dearer or to a cheaper unit.",
        "Combien de fois un client est passé à une unité plus chère ou moins chère.",
    ),
    "value": ("Who paid most", "Les plus gros paiements"),
    "value_text": (
        "The ten customers who paid most in this time, amounts in {currency}.",
        "Les dix clients qui ont le plus payé pendant cette période, montants en {currency}.",
    ),
    "upgrades": ("To a dearer unit", "Vers une unité plus chère"),
    "downgrades": ("To a cheaper unit", "Vers une unité moins chère"),
    "m_upgrades": ("Dearer unit", "Plus chère"),
    "m_downgrades": ("Cheaper unit", "Moins chère"),
    "l_0": ("Under 3 months", "Moins de 3 mois"),
    "l_90": ("3 to 6 months", "3 à 6 mois"),
    "l_180": ("6 to 12 months", "6 à 12 mois"),
    "l_365": ("1 to 2 years", "1 à 2 ans"),
    "l_730": ("2 years and more", "2 ans et plus"),
    "r_100": ("Always", "Toujours"),
    "r_90": ("90 to 99 %", "90 à 99 %"),
    "r_75": ("75 to 89 %", "75 à 89 %"),
    "r_50": ("50 to 74 %", "50 à 74 %"),
    "r_0": ("Under 50 %", "Moins de 50 %"),
    "group": ("Group", "Groupe"),
    "number": ("Number", "Nombre"),
    "customer": ("Customer", "Client"),
    "amount": ("Amount", "Montant"),
    "all_rows": ("All customers", "Tous les clients"),
    "nobody": ("Nobody rented in this time.", "Personne n’a loué pendant cette période."),
    "no_money": (
        "Payments were not read for this report, so nothing is said of them.",
        "Les paiements n’ont pas été lus pour ce rapport : rien n’en est dit.",
    ),
    "tenant_id": ("Customer", "Client"),
    "since": ("From", "Du"),
    "until": ("To", "Au"),
    "longest_days": ("Longest rental, days", "Plus longue location, jours"),
    "average_days": ("Average rental, days", "Location moyenne, jours"),
    "paid.amount": ("Paid", "Encaissé"),
    "paid.currency": ("Currency", "Devise"),
    "charges": ("Charges", "Frais"),
    "late_charges": ("Late charges", "Frais en retard"),
    "lifetime_paid.amount": ("Paid in all", "Encaissé en tout"),
    "lifetime_paid.currency": ("Currency of all", "Devise du tout"),
    "mean_stay_days": ("Mean stay here, days", "Durée moyenne ici, jours"),
    "expected_value.amount": ("Rent of a mean stay", "Loyer d’une durée moyenne"),
    "expected_value.currency": ("Currency of that rent", "Devise de ce loyer"),
    "expected_value_missing": ("Why there is no such rent", "Pourquoi ce loyer manque"),
    "ledger_source": ("Payments from", "Paiements selon"),
    "ledger_as_of": ("Payments as of", "Paiements au"),
    "lifetime": ("Paid in all", "Encaissé en tout"),
    "age": (
        "Payments as the back office told them on {day} at {time} UTC.",
        "Paiements selon le système du bureau, le {day} à {time} UTC.",
    ),
    "expected_text": (
        "Rent of a mean stay: a year’s rent / 365 × the {days} days that rentals here lasted which have ended.",
        "Loyer d’une durée moyenne : loyer d’un an / 365 × les {days} jours des locations terminées ici.",
    ),
}
_COLUMNS: Final = (
    "tenant_id", "since", "until", "rentals", "longest_days", "average_days", "paid.amount", "paid.currency",
    "charges", "late_charges", "upgrades", "downgrades", "lifetime_paid.amount", "lifetime_paid.currency",
    "mean_stay_days", "expected_value.amount", "expected_value.currency", "expected_value_missing", "ledger_source",
    "ledger_as_of",
)  # fmt: skip


def word(key: str, language: str, **facts: object) -> str:
    """The words of a key.

    Raises:
        KeyError: There is no such key, or a fact is missing.
    """
    return _WORDS[key][LANGUAGES.index(language)].format(**facts)


def heads(language: str) -> dict[str, str]:
    """What stands above the columns of figures, by their names."""
    return {name: word(name, language) for name in _COLUMNS}
