"""Names of a few real symbols; all others are numbered."""

NAMES = {
    "005930": "삼성전자", "000660": "SK하이닉스", "035420": "NAVER", "035720": "카카오", "051910": "LG화학",
    "006400": "삼성SDI", "033780": "KT&G", "005380": "현대차", "069500": "KODEX 200", "373220": "LG에너지솔루션",
}  # fmt: skip
