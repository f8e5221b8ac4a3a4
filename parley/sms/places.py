"""Which +1 area codes are where, and the names of the other countries a number can belong to.

Facts that a numbering authority may change. The library `phonenumbers` says which area codes are in use,
these say what Parley makes of them; tests compare the two.
"""

from __future__ import annotations

import re

# libphonenumber as of phonenumbers 9.0.43, which follows the Canadian Numbering Administrator. The last three
# belong to no province. Reviewed 2026-11-23.
CANADA = frozenset(
    re.findall(
        r"\d{3}",
        """
        204 226 236 249 250 257 263 273 289 306 343 354 365 367 368 382 403 416 418 428
        431 437 438 450 468 474 506 514 519 548 579 581 584 587 604 613 639 647 672 683
        705 709 742 753 778 780 782 807 819 825 867 873 879 902 905 942 600 622 633
        """,
    )
)

# Dialled like home, billed like abroad, and the favourites of those who pump traffic for a share of the
# price. libphonenumber as of phonenumbers 9.0.43. Reviewed 2026-11-23. Puerto Rico, the US Virgin Islands,
# Guam, American Samoa and the Northern Marianas are the US.
ELSEWHERE = {
    "242": "the Bahamas",
    "246": "Barbados",
    "264": "Anguilla",
    "268": "Antigua and Barbuda",
    "284": "the British Virgin Islands",
    "345": "the Cayman Islands",
    "441": "Bermuda",
    "473": "Grenada",
    "649": "the Turks and Caicos Islands",
    "658": "Jamaica",
    "664": "Montserrat",
    "721": "Sint Maarten",
    "758": "Saint Lucia",
    "767": "Dominica",
    "784": "Saint Vincent and the Grenadines",
    "809": "the Dominican Republic",
    "829": "the Dominican Republic",
    "849": "the Dominican Republic",
    "868": "Trinidad and Tobago",
    "869": "Saint Kitts and Nevis",
    "876": "Jamaica",
}

# North American Numbering Plan, non-geographic codes. Reviewed 2026-11-23.
TOLL_FREE = frozenset(re.findall(r"\d{3}", "800 833 844 855 866 877 888"))
PREMIUM = frozenset({"900"})
PERSONAL = frozenset(re.findall(r"\d{3}", "500 521 522 523 524 525 526 527 528 529 532 533 544 566 577 588"))

# The main country of each calling code, by its name in libphonenumber (phonenumbers 9.0.43), with the
# article where English wants one. Reviewed 2026-11-23.
_CALLING_CODES = """
7 Russia; 20 Egypt; 27 South Africa; 30 Greece; 31 the Netherlands; 32 Belgium; 33 France; 34
Spain; 36 Hungary; 39 Italy; 40 Romania; 41 Switzerland; 43 Austria; 44 the United Kingdom; 45
Denmark; 46 Sweden; 47 Norway; 48 Poland; 49 Germany; 51 Peru; 52 Mexico; 53 Cuba; 54 Argentina;
55 Brazil; 56 Chile; 57 Colombia; 58 Venezuela; 60 Malaysia; 61 Australia; 62 Indonesia; 63 the
Philippines; 64 New Zealand; 65 Singapore; 66 Thailand; 81 Japan; 82 South Korea; 84 Vietnam; 86
China; 90 Türkiye; 91 India; 92 Pakistan; 93 Afghanistan; 94 Sri Lanka; 95 Myanmar; 98 Iran; 211
South Sudan; 212 Morocco; 213 Algeria; 216 Tunisia; 218 Libya; 220 the Gambia; 221 Senegal; 222
Mauritania; 223 Mali; 224 Guinea; 225 Côte d'Ivoire; 226 Burkina Faso; 227 Niger; 228 Togo; 229
Benin; 230 Mauritius; 231 Liberia; 232 Sierra Leone; 233 Ghana; 234 Nigeria; 235 Chad; 236 the
Central African Republic; 237 Cameroon; 238 Cape Verde; 239 Sao Tome and Principe; 240 Equatorial
Guinea; 241 Gabon; 242 the Republic of the Congo; 243 the Democratic Republic of the Congo; 244
Angola; 245 Guinea-Bissau; 246 Diego Garcia; 247 Ascension Island; 248 Seychelles; 249 Sudan; 250
Rwanda; 251 Ethiopia; 252 Somalia; 253 Djibouti; 254 Kenya; 255 Tanzania; 256 Uganda; 257 Burundi;
258 Mozambique; 260 Zambia; 261 Madagascar; 262 Réunion; 263 Zimbabwe; 264 Namibia; 265 Malawi;
266 Lesotho; 267 Botswana; 268 Eswatini; 269 the Comoros; 290 Saint Helena; 291 Eritrea; 297
Aruba; 298 the Faroe Islands; 299 Greenland; 350 Gibraltar; 351 Portugal; 352 Luxembourg; 353
Ireland; 354 Iceland; 355 Albania; 356 Malta; 357 Cyprus; 358 Finland; 359 Bulgaria; 370
Lithuania; 371 Latvia; 372 Estonia; 373 Moldova; 374 Armenia; 375 Belarus; 376 Andorra; 377
Monaco; 378 San Marino; 380 Ukraine; 381 Serbia; 382 Montenegro; 383 Kosovo; 385 Croatia; 386
Slovenia; 387 Bosnia and Herzegovina; 389 North Macedonia; 420 Czechia; 421 Slovakia; 423
Liechtenstein; 500 the Falkland Islands; 501 Belize; 502 Guatemala; 503 El Salvador; 504 Honduras;
505 Nicaragua; 506 Costa Rica; 507 Panama; 508 Saint Pierre and Miquelon; 509 Haiti; 590
Guadeloupe; 591 Bolivia; 592 Guyana; 593 Ecuador; 594 French Guiana; 595 Paraguay; 596 Martinique;
597 Suriname; 598 Uruguay; 599 Curaçao; 670 Timor-Leste; 672 Norfolk Island; 673 Brunei; 674
Nauru; 675 Papua New Guinea; 676 Tonga; 677 the Solomon Islands; 678 Vanuatu; 679 Fiji; 680 Palau;
681 Wallis and Futuna; 682 the Cook Islands; 683 Niue; 685 Samoa; 686 Kiribati; 687 New Caledonia;
688 Tuvalu; 689 French Polynesia; 690 Tokelau; 691 Micronesia; 692 the Marshall Islands; 850 North
Korea; 852 Hong Kong; 853 Macao; 855 Cambodia; 856 Laos; 880 Bangladesh; 886 Taiwan; 960 the
Maldives; 961 Lebanon; 962 Jordan; 963 Syria; 964 Iraq; 965 Kuwait; 966 Saudi Arabia; 967 Yemen;
968 Oman; 970 the Palestinian territories; 971 the United Arab Emirates; 972 Israel; 973 Bahrain;
974 Qatar; 975 Bhutan; 976 Mongolia; 977 Nepal; 992 Tajikistan; 993 Turkmenistan; 994 Azerbaijan;
995 Georgia; 996 Kyrgyzstan; 998 Uzbekistan
"""
CALLING_CODES: dict[int, str] = {
    int(code): name
    for code, _, name in (
        entry.strip().partition(" ") for entry in _CALLING_CODES.replace("\n", " ").split(";")
    )
}
