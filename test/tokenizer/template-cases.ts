/** Templates with what Jinja 3.1 prints for them, set up as Hugging Face does: the language itself. */

/** A template, its output, and its variables. */
export type TemplateExample = readonly [template: string, expected: string, variables?: Record<string, unknown>];

/** Output, statements, scopes and white space. */
export const languageExamples: readonly TemplateExample[] = [
  [
    "{{ 'a' }}{{ \"b\" }}{{ 1 }}{{ 1.0 }}{{ 1.5 }}{{ true }}{{ False }}{{ none }}{{ missing }}|",
    "ab11.01.5TrueFalseNone|",
  ],
  [
    "{{ [1, 'a', 2.0, none, true] }} {{ (1, 2) }} {{ (1,) }} {{ () }} {{ {'a': 1, 'b': [2]} }} {{ 1, 2 }}",
    "[1, 'a', 2.0, None, True] (1, 2) (1,) () {'a': 1, 'b': [2]} (1, 2)",
  ],
  [
    "{{ 'it\\'s' }} {{ \"q\\\"\" }} {{ 'n\\nt\\tb\\\\u\\u00e9x\\x41o\\101 \\q' }} {{ 'a' 'b' }}",
    "it's q\" n\nt\tb\\u\u00e9xAoA \\q ab",
  ],
  [
    "{{ [\"it's\", 'q\"', 'both\\'\"', 'n\\n\\t\\\\', '\u00e9', '\\u00a0', '\\u200b', '\\x07', '\\U0001f600'] }}",
    "[\"it's\", 'q\"', 'both\\'\"', 'n\\n\\t\\\\', '\u00e9', '\\xa0', '\\u200b', '\\x07', '\ud83d\ude00']",
  ],
  [
    "{{ 1e3 }} {{ 1e16 }} {{ 1.5e-7 }} {{ 0.0001 }} {{ 0.00001 }} {{ 123456789.125 }} {{ 1_000 }} {{ 1e22 }}",
    "1000.0 1e+16 1.5e-07 0.0001 1e-05 123456789.125 1000 1e+22",
  ],
  [
    "{{ -1 }} {{ +1 }} {{ - 2.0 }} {{ 7 / 2 }} {{ 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} {{ 2 ** 3 }} {{ 2 ** 3 ** 2 }} {{ (-1) ** 3 }} {{ 0 ** 0 }} {{ -2 ** 2 }}",
    "-1 1 -2.0 3.5 2.0 3 -4 1 2 -2 3.0 0.5 8 64 -1 1 4",
  ],
  [
    "{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ 1 ~ 2 ~ 'a' ~ none ~ x }} {{ 'a' + 'b' * 3 }} {{ 3 * 'ab' }} {{ [1] + [2] }} {{ [1, 2] * 2 }} {{ (1,) + (2,) }} {{ true + true }} {{ 1 + 1.0 }} {{ 1 ~ 2 * 3 }}",
    "3 9 12aNone abbb ababab [1, 2] [1, 2, 1, 2] (1, 2) 2 2.0 16",
  ],
  [
    "{{ 1 == 1.0 }} {{ 1 == true }} {{ 'a' == 'a' }} {{ [1, [2]] == [1, [2]] }} {{ (1,) == [1] }} {{ {'a': 1} == {'a': 1.0} }} {{ none == false }} {{ x == y }} {{ 1 != 2 }} {{ '1' == 1 }}",
    "True True True True False True False True True False",
  ],
  [
    "{{ 1 < 2 <= 2 < 3 }} {{ 1 < 2 > 3 }} {{ 'a' < 'b' }} {{ 'Z' < 'a' }} {{ [1, 2] < [1, 3] }} {{ [1] < [1, 0] }} {{ '\uffff' < '\ud83d\ude00' }} {{ 2 >= 2 }} {{ 'a\ud83d\ude00b' > 'a\ud83d\ude00a' }}",
    "True False True True True True True True True",
  ],
  [
    "{{ 'a' in 'abc' }} {{ 'd' not in 'abc' }} {{ 1 in [1, 2] }} {{ 'a' in {'a': 1} }} {{ 3 in (1, 2) }} {{ 'a' in missing }} {{ not 1 in [1] }} {{ 2 in range(3) }}",
    "True True True True False False False True",
  ],
  [
    "{{ 1 and 0 }} {{ '' or 'b' }} {{ 1 and 'x' or 'y' }} {{ not '' }} {{ not not 1 }} {{ none or missing or 'z' }} {{ [] and 1 }}",
    "0 b x True True z []",
  ],
  ["{{ 'y' if 1 else 'n' }} {{ 'y' if 0 else 'n' }} {{ 'y' if 0 }}| {{ 'a' if 0 else 'b' if 0 else 'c' }}", "y n | c"],
  ["{% if a %}1{% elif b %}2{% else %}3{% endif %}", "2", { a: false, b: true }],
  [
    "{% if [] %}a{% elif {} %}b{% elif '' %}c{% elif 0 %}d{% elif 0.0 %}e{% elif none %}f{% elif missing %}g{% elif () %}h{% else %}ok{% endif %}",
    "ok",
  ],
  [
    "{% for x in [1,2,3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.depth }}{{ loop.cycle('a','b') }};{% endfor %}",
    "10TrueFalse33221a;21FalseFalse321131b;32FalseTrue31021a;",
  ],
  [
    "{% for x in [] %}a{% else %}empty{% endfor %}{% for x in [1] %}{{ x }}{% else %}no{% endfor %}{% for x in missing %}a{% else %}none{% endfor %}",
    "empty1none",
  ],
  ["{% for x in [1,2,3,4] if x % 2 == 0 %}{{ x }}{{ loop.index }}/{{ loop.length }} {% endfor %}", "21/2 42/2 "],
  [
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}{% for k in {'a': 1} %}{{ k }}{% endfor %}{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "a=1;b=2;a123",
  ],
  [
    "{% for x in 'a\ud83d\ude00b' %}[{{ x }}]{% endfor %}{% for x in (1,2) %}{{ x }}{% endfor %}{% for x in 1, 2 %}{{ x }}{% endfor %}{% for x in range(2, 8, 3) %}{{ x }}{% endfor %}{% for x in range(3, 0, -1) %}{{ x }}{% endfor %}",
    "[a][\ud83d\ude00][b]121225321",
  ],
  [
    "{% for x in range(9) %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 5 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "0134",
  ],
  [
    "{% for a in [1,2] %}{% for b in [1,2] %}{% if b == 2 %}{% break %}{% endif %}{{ a }}{{ b }}{{ loop.index }} {% endfor %}{{ loop.index }};{% endfor %}",
    "111 1;211 2;",
  ],
  [
    "{% set x = 1 %}{% for i in [1,2] %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 5 %}{% endif %}{{ x }}",
    "2215",
  ],
  ["{% for i in [1,2] %}{% if i == 1 %}{% set y = 5 %}{% endif %}[{{ y }}]{% endfor %}[{{ y }}]", "[5][][]"],
  [
    "{% set ns = namespace(n=0, t='') %}{% for i in [1,2,3] %}{% set ns.n = ns.n + i %}{% set ns.t = ns.t ~ i %}{% endfor %}{{ ns.n }}{{ ns.t }}{{ ns.zz }}{{ ns['n'] }}",
    "61236",
  ],
  [
    "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{% set d = dict(a=1, b='x') %}{{ d }}{{ dict({'q': 1}, r=2) }}",
    "12{'a': 1, 'b': 'x'}{'q': 1, 'r': 2}",
  ],
  ["{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}{% set (d, e) = [3, 4] %}{{ d }}{{ e }}", "12(1, 2)34"],
  [
    "{% set x %}in {{ 1 }} {% endset %}[{{ x }}]{% set y | trim | upper %}  ab {% endset %}[{{ y }}]{% set z %}{% set w = 1 %}{% endset %}[{{ w }}]",
    "[in 1 ][AB][]",
  ],
  [
    "{% macro m(a, b='B', c=a) %}{{ a }}-{{ b }}-{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(b=3, a=2) }}{{ m() }}",
    "1-B-1;1-2-1;2-3-2;-B-;",
  ],
  ["{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210"],
  ["{% set x = 1 %}{% macro g() %}{{ x }}{% set x = 2 %}{{ y }}{% endmacro %}{% set y = 7 %}{{ x }}", "1"],
  ["{% macro g() %}{{ y }}{% endmacro %}{% set y = 7 %}{{ g() }}", "7"],
  [
    "{% macro box(t) %}<{{ t }}>{{ caller() }}</{{ t }}>{% endmacro %}{% call box('b') %}x{{ 1 }}{% endcall %}{% macro each(l) %}{% for i in l %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(i) each([1,2]) %}({{ i }}){% endcall %}",
    "<b>x1</b>(1)(2)",
  ],
  ["{% filter upper %}ab {{ 'c' }}{% endfilter %}{% filter replace('a', 'b') | trim %} aa {% endfilter %}|", "AB Cbb|"],
  ["{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{{ a }}{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}", "31"],
  [
    "{% raw %}{{ x }} {% if %}{# c #}{% endraw %}|{%- raw -%}  a {{ }} {%- endraw -%}  b",
    "{{ x }} {% if %}{# c #}|a {{ }}b",
  ],
  ["a{# comment {{ x }} #}b{#- c -#} d {#+ e +#}\nf", "abd \nf"],
  ["{% generation %}abc{{ 1 }}{% endgeneration %}d", "abc1d"],
  ["a\n  {% if true %}\n  b\n  {% endif %}\nc", "a\n  b\nc"],
  ["a\n  {{ 1 }}\n  {%- if true -%}\n  b\n  {%- endif -%}\nc", "a\n  1bc"],
  ["a\n  {%+ if true %}\n  b\n  {%+ endif +%}\nc\n", "a\n    b\n  \nc"],
  ["  {% if true %} x {% endif %}  \n\n", " x   \n"],
  ["  {# c #}\n  a {# d #} b\n {# e -#}  \n f {{- ' g ' -}} \n h", "  a  b\nf g h"],
  ["x {% if true -%}\n\n y {%- endif %} z\r\nw\r", "x y z\nw"],
  ["{% for i in [1,2] %}\n  {{ i }}\n{% endfor %}\nend\n\n", "  1\n  2\nend\n"],
  ["\n{% raw %}\n a\n {% endraw %}\n b", "\n\n a\n b"],
  ["{% set x = 1 %}  {% set y = 2 %}\n  {% set z = 3 %}  a", "    a"],
  ["{{-1}}{{- 2 -}} {{ {'a': {'b': 1}}}}|{{ '}}' }}{{ '%}' }}", "12{'a': {'b': 1}}|}}%}"],
];
