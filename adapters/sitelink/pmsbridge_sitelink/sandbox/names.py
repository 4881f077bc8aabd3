"""Words people, companies and places are made from: invented, with the letters that break careless software."""

from __future__ import annotations

from typing import Final

_FIRST: Final = (
    "Renée José Zoë Łukasz Siobhán Jürgen Anaïs Noël François Thị Søren Åsa Marta Ethan Olivia Liam Ava Noah"
    " Mia Owen Grace Priya Arjun Wei Fatima Omar Ingrid Béatrice Chloé Matteo Lucía Héctor Nadia Ivan Keiko"
    " Hana Tomáš Zdeněk Ömer Ayşe"
)
FIRST_NAMES: Final = tuple(_FIRST.split())

_LAST: Final = (
    "Dubois Müller O'Brien Nguyễn Wójcik Smith Smithson Garcia García-López Lefèvre Çelik Ångström Østergaard"
    " Novák Dvořáková Tremblay Gagné Patel Singh Chen Yamamoto Kowalczyk McDonald D'Angelo van_der_Berg"
    " Fernández Håkansson Łuczak Brown Browne Wilson Taylor Martin Roy Côté Bouchard Pelletier Ibrahim Haddad"
    " Rossi"
)
LAST_NAMES: Final = tuple(_LAST.split())

COMPANIES: Final = (
    "Northwind Plumbing & Heating Ltd.",
    'Café "Le Coin" Inc.',
    "Nguyễn & Söhne GmbH",
    "Blue Heron <Events> Co.",
    "Maple Street Antiques",
    "Ørsted Film Props ApS",
    "Tremblay Électrique",
    "O'Neill Roofing",
)

STREETS: Final = (
    "Main St",
    "Rue Saint-Honoré",
    "King's Rd",
    "Elm Ave",
    "Côte-des-Neiges Rd",
    "Harbour Blvd",
    "Mill Lane",
    "5th Ave",
)

CITIES: Final = (
    ("Montréal", "QC", "H2X 1Y4", "CAN"),
    ("Toronto", "ON", "M5V 2T6", "CAN"),
    ("Burlington", "VT", "05401", "USA"),
    ("San José", "CA", "95112", "USA"),
    ("Québec", "QC", "G1R 4P5", "CAN"),
    ("Boston", "MA", "02108", "USA"),
)

SITE_NAMES: Final = ("Harbour", "Riverside", "Parkview", "Old Mill", "Summit", "Lakeshore", "Junction", "Bellevue")

UNIT_TYPES: Final = (
    ("Standard", "5.0", "5.0", "59.00", False),
    ("Standard", "5.0", "10.0", "89.00", False),
    ("Climate", "10.0", "10.0", "149.00", True),
    ("Drive-Up ", "10.0", "20.0", "219.00", False),
    ("Locker", "3.0", "4.0", "35.50", True),
    ("Parking (RV/Boat)", "12.0", "30.0", "175.25", False),
)
"""Name (one of them padded, as real ones are), width and length in feet, monthly rate before tax, climate control."""
