"""Values that are poison in a log, a database or an exception: opaque, single-use, wiped.

Nothing here is a pydantic field and nothing here can be pickled, copied, compared by content, serialised or printed. A
sealed value is handed to one send and wiped afterwards. Tokens and stored methods are the normal way to pay; a card in
this process puts the application into the scope of PCI DSS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import ClassVar, Final, NoReturn, Self

from pydantic import Field

from pmsbridge.errors import InputError, UnavailableError
from pmsbridge.model.record import OpenEnum, Value

__all__ = [
    "BankAccount",
    "BankAccountFace",
    "BankAccountKind",
    "Card",
    "CardBrand",
    "CardFace",
    "GateCode",
    "Opened",
    "Sealed",
    "WebPassword",
    "luhn_holds",
]

_LEFT_DIGITS: Final = 4


class CardBrand(OpenEnum):
    """Card networks, told apart by the number's first digits."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    AMEX = "amex"
    DISCOVER = "discover"
    DINERS = "diners"
    UNKNOWN = "unknown"


class BankAccountKind(OpenEnum):
    """What kind of bank account a debit is drawn on."""

    CONSUMER_CHECKING = "consumer_checking"
    CONSUMER_SAVINGS = "consumer_savings"
    BUSINESS_CHECKING = "business_checking"
    UNKNOWN = "unknown"


class CardFace(Value):
    """What may be kept and shown of a card.

    Attributes:
        brand: The network.
        last4: The last four digits, as text.
        expires_on: The last day the card is good; None when not known.
    """

    brand: CardBrand
    last4: str = Field(pattern=r"^[0-9]{4}$")
    expires_on: date | None = None


class BankAccountFace(Value):
    """What may be kept and shown of a bank account."""

    kind: BankAccountKind
    last4: str = Field(pattern=r"^[0-9*]{1,4}$")


class Opened(Mapping[str, str]):
    """The parts of an opened value: readable by name, shown by nothing, empty once the send is over."""

    __slots__ = ("_parts",)

    def __init__(self, parts: dict[str, str]) -> None:
        self._parts = parts

    def __getitem__(self, name: str) -> str:
        return self._parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __repr__(self) -> str:
        return f"<opened: {', '.join(self._parts)}>"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        message = "an opened value cannot be copied or stored"
        raise TypeError(message)

    def clear(self) -> None:
        """Drop the parts."""
        self._parts.clear()


class Sealed:
    """An opaque holder of secret text.

    Its repr shows nothing; pickling, copying, hashing by content and formatting refuse or show nothing. ``open`` hands
    the parts out once; after it, or after ``wipe``, the value is gone.
    """

    __slots__ = ("_parts",)
    what: ClassVar[str] = "sealed value"

    def __init__(self, **parts: str) -> None:
        self._parts: dict[str, bytearray] | None = {name: bytearray(text, "utf-8") for name, text in parts.items()}

    @property
    def is_wiped(self) -> bool:
        """Nothing is left inside."""
        return self._parts is None

    @contextmanager
    def open(self) -> Iterator[Opened]:
        """Hand the parts to one send, then wipe them whatever happened.

        Opening takes the value: a second opening fails even while the first is still in use.

        Raises:
            UnavailableError: It was used or wiped before; nothing was sent. The person must enter it again.
        """
        taken, self._parts = self._parts, None
        if taken is None:
            message = f"this {self.what} was already used; ask the person to enter it again"
            raise UnavailableError(message, code="sealed_value_used")
        parts = Opened({name: bytes(text).decode("utf-8") for name, text in taken.items()})
        _overwrite(taken)
        try:
            yield parts
        finally:
            parts.clear()

    def split(self, count: int) -> tuple[Self, ...]:
        """Make ``count`` independent sealed values of this one, which is wiped: one for each send.

        Raises:
            UnavailableError: It was used or wiped before.
        """
        copies = []
        with self.open() as parts:
            for _ in range(count):
                copy = object.__new__(type(self))
                Sealed.__init__(copy, **parts)
                self._copy_face(copy)
                copies.append(copy)
        return tuple(copies)

    def _copy_face(self, copy: Self) -> None:
        """Give a split value what may be shown."""

    def wipe(self) -> None:
        """Overwrite and drop the parts. Python may hold copies made by a library; ours are gone."""
        taken, self._parts = self._parts, None
        _overwrite(taken or {})

    def __repr__(self) -> str:
        return f"<{self.what}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def _refuse(self) -> NoReturn:
        message = f"a {self.what} cannot be copied or stored"
        raise TypeError(message)

    def __reduce__(self) -> NoReturn:
        self._refuse()

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        self._refuse()

    def __copy__(self) -> NoReturn:
        self._refuse()

    def __deepcopy__(self, _memo: object) -> NoReturn:
        self._refuse()

    def __getstate__(self) -> NoReturn:
        self._refuse()


def _overwrite(parts: dict[str, bytearray]) -> None:
    for text in parts.values():
        text[:] = bytes(len(text))


def luhn_holds(digits: str) -> bool:
    """Whether the check digit of a card number fits."""
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = ord(char) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2  # noqa: PLR2004 - the Luhn rule
        total += value
    return total % 10 == 0


def _brand(digits: str) -> CardBrand:
    two, three, four = int(digits[:2]), int(digits[:3]), int(digits[:4])
    if digits[0] == "4":
        return CardBrand.VISA
    if 51 <= two <= 55 or 2221 <= four <= 2720:  # noqa: PLR2004 - issuer ranges
        return CardBrand.MASTERCARD
    if two in {34, 37}:
        return CardBrand.AMEX
    if four == 6011 or two == 65 or 644 <= three <= 649:  # noqa: PLR2004 - issuer ranges
        return CardBrand.DISCOVER
    if two in {36, 38, 39} or 300 <= three <= 305:  # noqa: PLR2004 - issuer ranges
        return CardBrand.DINERS
    return CardBrand.UNKNOWN


def _bare(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


def _not_digits(field: str, text: str, *, low: int, high: int) -> InputError | None:
    """What is wrong with a number; returned, not raised, so that no traceback holds the frame that saw it."""
    bare = _bare(text)
    if bare.isascii() and bare.isdigit() and low <= len(bare) <= high:
        return None
    shape = f"{len(text)} characters, {sum(c.isdigit() for c in text)} of them digits"
    wanted = f"{low} digits" if low == high else f"{low} to {high} digits"
    return InputError(field, f"must be {wanted}", shape=shape, remedy="Ask the person to type it again.")


def _wrong_card(number: str, cvv: str, holder: str, expires_on: object) -> InputError | None:
    if problem := _not_digits("card.number", number, low=13, high=19):
        return problem
    if not luhn_holds(_bare(number)):
        shape = f"{len(_bare(number))} digits"
        return InputError("card.number", "is mistyped: its check digit does not fit", shape=shape)
    if cvv and (problem := _not_digits("card.cvv", cvv, low=3, high=4)):
        return problem
    if not isinstance(expires_on, date):
        return InputError("card.expires_on", "is no date", shape=type(expires_on).__name__)
    return None if holder.strip() else InputError("card.holder", "is empty", remedy="Give the name on the card.")


class Card(Sealed):
    """A payment card as typed by its holder; used for one send, never stored.

    Attributes:
        face: What may be kept and shown: brand, last four digits, last valid day.
    """

    __slots__ = ("face",)
    what = "card"

    def __init__(
        self,
        *,
        number: str,
        expires_on: date,
        holder: str,
        cvv: str = "",
        street: str = "",
        postal_code: str = "",
    ) -> None:
        """Seal a card.

        Args:
            number: 13 to 19 digits; spaces and dashes are dropped.
            expires_on: The last day the card is good (the last day of the month printed on it).
            holder: Name as embossed.
            cvv: 3 or 4 digits, or empty where the back office does not ask for it.
            street: Billing street.
            postal_code: Billing postal code.

        Raises:
            InputError: A part does not have its shape. The error never repeats the part.
        """
        if problem := _wrong_card(number, cvv, holder, expires_on):
            # A traceback may show this frame's variables.
            number = cvv = holder = street = postal_code = ""
            expires_on = date.max
            raise problem
        bare = _bare(number)
        super().__init__(number=bare, cvv=_bare(cvv), holder=holder.strip(), street=street, postal_code=postal_code)
        self.face = CardFace(brand=_brand(bare), last4=bare[-_LEFT_DIGITS:], expires_on=expires_on)

    def _copy_face(self, copy: Card) -> None:
        copy.face = self.face

    def __repr__(self) -> str:
        face = getattr(self, "face", None)  # absent in the frame of a refused card
        return f"<card {face.brand.value} ****{face.last4}>" if face else "<card>"

    __str__ = __repr__


def _masked_end(account: str) -> str:
    """The last digits, never more than half of the number."""
    shown = min(_LEFT_DIGITS, len(account) // 2)
    return account[-shown:].rjust(_LEFT_DIGITS, "*")


class BankAccount(Sealed):
    """A bank account for a direct debit; used for one send, never stored.

    Attributes:
        face: What may be kept and shown: the kind and the last digits.
    """

    __slots__ = ("face",)
    what = "bank account"

    def __init__(self, *, routing_number: str, account_number: str, kind: BankAccountKind) -> None:
        """Seal a bank account.

        Args:
            routing_number: The ABA routing number, 9 digits.
            account_number: 4 to 17 digits.
            kind: Consumer checking, consumer savings or business checking.

        Raises:
            InputError: A part does not have its shape. The error never repeats the part.
        """
        problem = _not_digits("bank_account.routing_number", routing_number, low=9, high=9)
        problem = problem or _not_digits("bank_account.account_number", account_number, low=4, high=17)
        if problem:
            routing_number = account_number = ""  # a traceback may show this frame's variables
            raise problem
        account = _bare(account_number)
        super().__init__(routing_number=_bare(routing_number), account_number=account)
        self.face = BankAccountFace(kind=kind, last4=_masked_end(account))

    def _copy_face(self, copy: BankAccount) -> None:
        copy.face = self.face

    def __repr__(self) -> str:
        face = getattr(self, "face", None)
        return f"<bank account ****{face.last4}>" if face else "<bank account>"

    __str__ = __repr__


class WebPassword(Sealed):
    """A portal password that the back office keeps. Limits are the back office's own."""

    __slots__ = ()
    what = "password"

    def __init__(self, text: str) -> None:
        """Seal a password.

        Raises:
            InputError: It is empty.
        """
        if not text:
            raise InputError("password", "is empty")
        super().__init__(password=text)

    @property
    def length_chars(self) -> int:
        """How long it is; 0 when wiped."""
        return len(bytes(self._parts["password"]).decode()) if self._parts else 0


class GateCode(Sealed):
    """An access code as typed by somebody who claims a unit; only ever compared, never kept."""

    __slots__ = ()
    what = "gate code"

    def __init__(self, text: str) -> None:
        """Seal a gate code.

        Raises:
            InputError: It is empty.
        """
        if not text.strip():
            raise InputError("gate_code", "is empty")
        super().__init__(gate_code=text.strip())
