"""Passwords of ten characters and more that are tried first, made from how people make them.

A word and the ending that a policy asked for; a walk over the keyboard; digits in order; a line
that everybody knows. All case-folded. Shorter ones need no list: they are refused by their length.
"""

from __future__ import annotations

_WORDS = """
password passw0rd p@ssword p@ssw0rd pa$$word passwort welcome admin administrator qwerty letmein
iloveyou monkey dragon football baseball sunshine princess superman batman master shadow freedom
whatever trustno1 starwars pokemon computer internet changeme default budget summer winter
""".split()
_ENDINGS = "1 12 123 1234 12345 123456 1! ! 123! @123 2024 2025 2026 2026!".split()
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "azertyuiop", "qwertzuiop")
_WHOLE = """
1q2w3e4r5t 1q2w3e4r5t6y 1q2w3e4r5t6y7u8i9o0p 1qaz2wsx3edc 1qaz2wsx3edc4rfv zaq12wsxcde3
zaq1zaq1zaq1 qazwsxedcrfv qazwsxedcrfvtgb qweasdzxc123 q1w2e3r4t5 q1w2e3r4t5y6 qwert12345
asdfg12345 abc1234567 abcd123456 abcde12345 aa12345678 a123456789 abcdefghij abcdefghijkl
1a2b3c4d5e 123456789a 123456789q 123456789qwe 123456789abc
12345678910 9876543210 0123456789 1234554321 1231231234 123123123123 1212121212 1122334455
112233445566 1020304050 1029384756 1357924680 3141592653 3141592654 2718281828 1123581321
1234512345 123456123456 123456654321 147258369 1472583690 7894561230 7418529630 1111122222
correcthorsebatterystaple iloveyousomuch ilovejesus iloveyou123 mypassword mypassword1
thisismypassword passwordpassword password1password adminadmin adminadmin1 rootrootroot
testtesttest test123456 testing123 testpassword changemenow letmeinnow letmeinplease opensesame
nopassword newpassword oldpassword yourpassword secretpassword defaultpassword temppassword
temporary123 administrator welcome2budget budgetmanager budgetmanager1 manchester liverpool1
barcelona1 realmadrid chocolate1 butterfly1 strawberry watermelon cinderella spongebob1
harrypotter alexander1 christopher jesuschrist blessed123 motherfucker fuckyou123 fuckyou1234
asdfasdfasdf qwerqwerqwer qwertyqwerty lovelovelove superstar1 millionaire michelle123 babygirl123
leavemealone whatthehell 123password 123456password 1234567890a
""".split()


def _made() -> frozenset[str]:
    made = {word + ending for word in _WORDS for ending in _ENDINGS} | set(_WHOLE)
    for row in _ROWS:
        for text in (row, row[::-1]):
            made |= {text + ending for ending in ("", "1", "12", "123", "1234", "!", text)}
    return frozenset(text.casefold() for text in made if len(text) >= 10)


COMMON = _made()
