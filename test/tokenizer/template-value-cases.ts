/** Templates with what Jinja 3.1 prints for them, set up as Hugging Face does: values, tests, filters and methods. */
import type { TemplateExample } from "./template-cases.ts";

/** Attributes, slices, tests, filters and methods. */
export const valueExamples: readonly TemplateExample[] = [
  [
    "{{ m.role }}{{ m['role'] }}{{ m.nope }}|{{ m['nope'] }}|{{ l[0] }}{{ l[-1] }}{{ l[9] }}|{{ s[1] }}{{ s[-1] }}{{ s[99] }}|{{ l.0 }}{{ m.list.1 }}{{ l['0'] }}|",
    "useruser||13|\ud83d\ude00c|16|",
    { m: { role: "user", list: [5, 6] }, l: [1, 2, 3], s: "a\ud83d\ude00c" },
  ],
  [
    "{{ m.items is callable }}{{ m['items'] }}{{ m.keys() | list }}{{ m.values() | list }}{{ m.get('a') }}{{ m.get('zz') }}{{ m.get('zz', 'd') }}{{ m.get('zz', default='d') if false else '' }}",
    "TrueI['a', 'items'][1, 'I']1Noned",
    { m: { a: 1, items: "I" } },
  ],
  ["{{ m['items'] is callable }}{{ m['get']('a') }}{{ 'abc'['upper']() }}", "True1ABC", { m: { a: 1 } }],
  [
    "{{ m.constructor }}|{{ m.__proto__ }}|{{ m['__proto__'] }}|{{ l.constructor }}|{{ s.constructor }}|{{ m.toString }}|{{ l['length'] }}|{{ s['length'] }}|{{ x.prototype }}|",
    "|||||||||",
    { m: { a: 1 }, l: [1], s: "s", x: 1 },
  ],
  [
    "{{ l[1:] }}{{ l[:2] }}{{ l[::-1] }}{{ l[::2] }}{{ l[-2:] }}{{ l[:-1] }}{{ l[5:] }}{{ l[3:1] }}{{ l[3:1:-1] }}{{ l[-100:100] }}{{ l[:] }}",
    "[2, 3, 4, 5][1, 2][5, 4, 3, 2, 1][1, 3, 5][4, 5][1, 2, 3, 4][][][4, 3][1, 2, 3, 4, 5][1, 2, 3, 4, 5]",
    { l: [1, 2, 3, 4, 5] },
  ],
  [
    "{{ s[1:3] }}|{{ s[::-1] }}|{{ s[:-1] }}|{{ s[-2:] }}|{{ s[none:2] }}|{{ (1,2,3)[1:] }}",
    "\ud83d\ude00b|cb\ud83d\ude00a|a\ud83d\ude00b|bc|a\ud83d\ude00|(2, 3)",
    { s: "a\ud83d\ude00bc" },
  ],
  ["{{ {1: 'a', 'b': 2, none: 3}[1] }}{{ {'a': 1}['a'] }}{{ {1.5: 2} }}{{ {'a': 1, 'a': 2} }}", "a1{1.5: 2}{'a': 2}"],
  [
    "{{ x is defined }} {{ y is defined }} {{ y is undefined }} {{ y is not defined }} {{ x is none }} {{ none is none }} {{ not x is none }}",
    "True False True True False True True",
    { x: 1 },
  ],
  [
    "{% for v in [1, 1.0, 'a', [1], (1,), {'a': 1}, none, true, missing, range(2)] %}{{ v is string }},{{ v is number }},{{ v is integer }},{{ v is float }},{{ v is boolean }},{{ v is mapping }},{{ v is sequence }},{{ v is iterable }},{{ v is callable }},{{ v is true }},{{ v is false }},{{ v is none }}\n{% endfor %}",
    "False,True,True,False,False,False,False,False,False,False,False,False\nFalse,True,False,True,False,False,False,False,False,False,False,False\nTrue,False,False,False,False,False,True,True,False,False,False,False\nFalse,False,False,False,False,False,True,True,False,False,False,False\nFalse,False,False,False,False,False,True,True,False,False,False,False\nFalse,False,False,False,False,True,True,True,False,False,False,False\nFalse,False,False,False,False,False,False,False,False,False,False,True\nFalse,True,False,False,True,False,False,False,False,True,False,False\nFalse,False,False,False,False,False,True,True,True,False,False,False\nFalse,False,False,False,False,False,True,True,False,False,False,False\n",
  ],
  [
    "{{ 2 is even }}{{ 3 is odd }}{{ -3 is odd }}{{ 9 is divisibleby 3 }}{{ 9 is divisibleby(2) }}{{ 'a' is eq 'a' }}{{ 'a' is equalto('b') }}{{ 1 is ne 2 }}{{ 1 is lt 2 }}{{ 1 is gt(2) }}{{ 2 is ge 2 }}{{ 2 is le 1 }}{{ 1 is lessthan 2 }}{{ 1 is greaterthan 2 }}{{ 1 is in [1] }}{{ 'a' is lower }}{{ 'aB' is upper }}{{ 'AB1' is upper }}{{ '1' is upper }}{{ none is sameas none }}",
    "TrueTrueTrueTrueFalseTrueFalseTrueTrueFalseTrueFalseTrueFalseTrueTrueFalseTrueFalseTrue",
  ],
  [
    "{{ x is defined and x is not none }}{{ (x is string) ~ 'q' }}{{ 'yes' if x is string else 'no' }}{{ x.y is defined }}{{ x is mapping or x is string }}",
    "TrueTrueqyesFalseTrue",
    { x: "s" },
  ],
  [
    "{{ ' a b ' | trim }}|{{ 'xxaxx' | trim('x') }}|{{ 'aB' | upper }}{{ 'aB' | lower }}{{ 'hello wORLD-foo (bar) [x' | title }}|{{ 'hELLO' | capitalize }}|{{ 'abc' | length }}{{ [1,2] | count }}{{ {'a':1} | length }}{{ missing | length }}{{ 'a\ud83d\ude00' | length }}",
    "a b|a|ABabHello World-Foo (Bar) [X|Hello|32102",
  ],
  [
    "{{ [1,2,'x'] | join(', ') }}|{{ [1,2] | join }}|{{ 'abc' | join('-') }}|{{ [{'a': 1}, {'a': 2}] | join(',', attribute='a') }}|{{ [none, missing, 1.0] | join('/') }}|{{ {'a':1,'b':2} | join }}",
    "1, 2, x|12|a-b-c|1,2|None//1.0|ab",
  ],
  [
    "{{ [1,2] | first }}{{ [1,2] | last }}{{ [] | first }}|{{ [] | last }}|{{ 'abc' | first }}{{ 'abc' | last }}{{ {'k': 1} | first }}",
    "12||ack",
  ],
  [
    "{{ missing | default('d') }}{{ none | default('d') }}{{ none | default('d', true) }}{{ '' | default('e', boolean=true) }}{{ x | default('d') }}{{ missing | d(1) }}{{ missing | default }}|",
    "dNonedex1|",
    { x: "x" },
  ],
  [
    "{{ 'aXbX' | replace('X', '-') }}{{ 'aXbX' | replace('X', '-', 1) }}{{ 12 | replace('1', 'x') }}{{ 'aaa' | replace('aa', 'b') }}",
    "a-b-a-bXx2ba",
  ],
  [
    "{{ 'abc' | list }}{{ {'a': 1, 'b': 2} | list }}{{ {'a': 1} | items | list }}{{ missing | items | list }}{{ {'B': 1, 'a': 3, 'C': 2} | dictsort }}{{ {'b': 1, 'a': 3} | dictsort(by='value') }}{{ {'b': 1, 'a': 3} | dictsort(reverse=true) }}{{ {'B': 1, 'a': 2} | dictsort(true) }}",
    "['a', 'b', 'c']['a', 'b'][('a', 1)][][('a', 3), ('B', 1), ('C', 2)][('b', 1), ('a', 3)][('b', 1), ('a', 3)][('B', 1), ('a', 2)]",
  ],
  [
    "{{ ms | map(attribute='role') | list }}{{ ms | map(attribute='f.n') | join(',') }}{{ ['a','b'] | map('upper') | list }}{{ [' a '] | map('trim') | join }}{{ ms | map(attribute='zz', default='-') | list }}{{ ['ab','cb'] | map('replace', 'b', 'x') | list }}",
    "['u', 'a']1,2['A', 'B']a['-', '-']['ax', 'cx']",
    {
      ms: [
        { role: "u", f: { n: 1 } },
        { role: "a", f: { n: 2 } },
      ],
    },
  ],
  [
    "{{ [1,2,3] | select('odd') | list }}{{ [0,1,''] | select | list }}{{ [1,2,3] | reject('even') | list }}{{ [0, 1] | reject | list }}{{ ms | selectattr('role', 'equalto', 'u') | list | length }}{{ ms | rejectattr('role', 'eq', 'u') | map(attribute='c') | first }}{{ ms | selectattr('c') | list | length }}{{ ms | selectattr('role', 'in', ['u', 'x']) | list | length }}{{ ms | selectattr('zz', 'defined') | list }}",
    "[1, 3][1][1, 3][0]1C11[]",
    {
      ms: [
        { role: "u", c: "" },
        { role: "a", c: "C" },
      ],
    },
  ],
  [
    "{% set g = [1,2] | map('string') %}{{ g | list }}{{ g | list }}{% if [] | select %}true{% endif %}{{ ([1,2] | select)[0] }}|",
    "['1', '2'][]true|",
  ],
  [
    "{{ [3,1,2] | sort }}{{ ['b','A','c'] | sort }}{{ ['b','A'] | sort(case_sensitive=true) }}{{ [1,2] | sort(reverse=true) }}{{ [{'n': 2}, {'n': 1}] | sort(attribute='n') }}{{ ['a','A','b'] | unique | list }}{{ ['a','A'] | unique(true) | list }}{{ [1,1.0,2] | unique | list }}",
    "[1, 2, 3]['A', 'b', 'c']['A', 'b'][2, 1][{'n': 1}, {'n': 2}]['a', 'b']['a', 'A'][1, 2]",
  ],
  [
    "{{ [1,2,3] | reverse | list }}{{ 'abc' | reverse }}{{ [1,2] | sum }}{{ [1, 2.5] | sum }}{{ [{'n': 1}, {'n': 2}] | sum(attribute='n') }}{{ [1] | sum(start=10) }}{{ [3,1,2] | min }}{{ [3,1,2] | max }}{{ ['b', 'A'] | min }}{{ [] | max }}|{{ [{'n':1},{'n':3}] | max(attribute='n') }}",
    "[3, 2, 1]cba33.531113A|{'n': 3}",
  ],
  [
    "{{ '42' | int }}{{ '4.7' | int }}{{ 'x' | int }}{{ 'x' | int(7) }}{{ 3.9 | int }}{{ -3.9 | int }}{{ ' 5 ' | int }}{{ none | int }}{{ true | int }} {{ '1.5' | float }}{{ 2 | float }}{{ 'x' | float }}{{ 'x' | float(1.5) }} {{ 'inf' | float }} {{ '1e3' | float }}",
    "424073-3501 1.52.00.01.5 inf 1000.0",
  ],
  [
    "{{ -3 | abs }}{{ -2.5 | abs }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 0.125 | round(2) }} {{ 42 | round }} {{ 42.55 | round(1, 'floor') }} {{ 42.55 | round(1, 'ceil') }} {{ 1.1 | round | int }} {{ 1 | string ~ 2 }} {{ none | string }}",
    "32.5 2.0 4.0 2.67 0.12 42 42.5 42.6 1 12 None",
  ],
  [
    "{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(width='> ', blank=true) }}|{{ 'a\nb' | indent(first=true) }}|{{ 'a\n' | indent }}|",
    "a\n    b\n\n    c|  a\n  b|a\n> \n> b|    a\n    b|a\n|",
  ],
  ["{{ '<a & \"b\">' | e }}{{ 'x\\'' | escape }}{{ '<b>' | safe }}", "&lt;a &amp; &#34;b&#34;&gt;x&#39;<b>"],
  [
    "{{ x | tojson }}",
    '{"a": [1, 2.5, null, true], "b": {"c": "\u00e9\\"\\\\\\n\\t\\u0001</>&\'"}, "d": [], "e": {}, "f": "\ud83d\ude00\u007f"}',
    { x: { a: [1, 2.5, null, true], b: { c: "\u00e9\"\\\n\t\u0001</>&'" }, d: [], e: {}, f: "\ud83d\ude00\u007f" } },
  ],
  [
    "{{ x | tojson(indent=2) }}\n{{ x | tojson(indent=4) }}\n{{ [] | tojson(indent=2) }}",
    '{\n  "a": [\n    1,\n    {\n      "b": 2\n    }\n  ],\n  "c": {},\n  "d": []\n}\n{\n    "a": [\n        1,\n        {\n            "b": 2\n        }\n    ],\n    "c": {},\n    "d": []\n}\n[]',
    { x: { a: [1, { b: 2 }], c: {}, d: [] } },
  ],
  [
    "{{ x | tojson(ensure_ascii=true) }}{{ x | tojson(separators=(',', ':')) }}{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}{{ (1, 2.0) | tojson }}{{ {1: 'a', none: 3} | tojson }}{{ 1e22 | tojson }}{{ x | tojson(indent='\t') }}",
    '{"a": "\\u00e9\\ud83d\\ude00\\u007f", "b": [1]}{"a":"\u00e9\ud83d\ude00\u007f","b":[1]}{"a": 2, "b": 1}[1, 2.0]{"1": "a", "null": 3}1e+22{\n\t"a": "\u00e9\ud83d\ude00\u007f",\n\t"b": [\n\t\t1\n\t]\n}',
    { x: { a: "\u00e9\ud83d\ude00\u007f", b: [1] } },
  ],
  [
    "{{ ' a '.strip() }}|{{ 'xxay'.strip('xy') }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|{{ '\ufeff\u3000a\u001c'.strip() }}|{{ '\n\na\n'.strip('\n') }}|{{ '\ud83d\ude00a\ud83d\ude00'.strip('\ud83d\ude00') }}|{{ 'aaa'.strip('a') }}|",
    "a|a|a | a|\ufeff\u3000a|a|a||",
  ],
  [
    "{{ 'a b  c '.split() }}{{ 'a,b,,c'.split(',') }}{{ 'a,b,c'.split(',', 1) }}{{ 'a b  c '.split(none, 1) }}{{ ''.split() }}{{ ''.split(',') }}{{ 'a,b,c'.rsplit(',', 1) }}{{ 'a--b'.rsplit('--') }}{{ 'a,b'.split(sep=',', maxsplit=0) }}{{ 'aaaa'.rsplit('aa', 1) }}{{ '\u3000a\u00a0b'.split() }}",
    "['a', 'b', 'c']['a', 'b', '', 'c']['a', 'b,c']['a', 'b  c '][]['']['a,b', 'c']['a', 'b']['a,b']['aa', '']['a', 'b']",
  ],
  [
    "{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith('bc') }}{{ 'abc'.startswith(('x', 'a')) }}{{ 'abc'.endswith('') }}{{ 'aBc'.upper() }}{{ 'aBc'.lower() }}{{ \"they're bill\".title() }}{{ 'hELLO w'.capitalize() }}{{ '\u00df'.upper() }}",
    "TrueTrueTrueTrueABCabcThey'Re BillHello wSS",
  ],
  [
    "{{ 'abcb'.find('b') }}{{ 'abcb'.rfind('b') }}{{ 'abc'.find('z') }}{{ 'a\ud83d\ude00b'.find('b') }}{{ 'abab'.count('ab') }}{{ 'abab'.replace('a', 'x') }}{{ 'abab'.replace('a', 'x', 1) }}{{ ','.join(['a', 'b']) }}{{ 'prefix'.removeprefix('pre') }}{{ 'prefix'.removesuffix('fix') }}{{ '12'.isdigit() }}{{ 'ab'.isalpha() }}{{ 'a b\nc'.splitlines() }}{{ 'a'.islower() }}{{ ' '.isspace() }}",
    "13-122xbxbxbaba,bfixpreTrueTrue['a b', 'c']TrueTrue",
  ],
  [
    "{{ [1,2,1].count(1) }}{{ [1,2].index(2) }}{{ {'a': 1}.items() | list }}{{ ({'a': 1}.items() | list)[0][1] }}{{ {'a':1}.items() }}{{ {'a':1}.keys() }}{{ {'a':1}.values() }}{{ [].copy() }}",
    "21[('a', 1)]1dict_items([('a', 1)])dict_keys(['a'])dict_values([1])[]",
  ],
  [
    "{{ 'a' 'b' ~ 'c' | upper }}{{ ('a' ~ 'b') | upper }}{{ -1 | abs }}{{ 'x' | upper == 'X' }}{{ [1,2] | first + 1 }}{{ 'a,b'.split(',')[1] }}{{ 'a,b'.split(',') | last | upper }}{{ not 'a' in 'abc' }}",
    "abCAB1True2bBFalse",
  ],
  [
    "{% set x = {'a': [1, {'b': 'c'}]} %}{{ x.a[1].b }}{{ x['a'][1]['b'] }}{{ (x.a | last).b }}{{ x.a | length > 1 }}",
    "cccTrue",
  ],
  [
    "{% for m in ms %}{% if loop.first and m.role == 'system' %}{% continue %}{% endif %}{{ m.role }}{% if not loop.last %},{% endif %}{% endfor %}",
    "u,a",
    { ms: [{ role: "system" }, { role: "u" }, { role: "a" }] },
  ],
  [
    "{%- macro render(d, depth=0) -%}{%- for k, v in d | dictsort -%}{{ '  ' * depth }}{{ k }}:{%- if v is mapping %}\n{{ render(v, depth + 1) }}{%- else %} {{ v | tojson }}\n{%- endif -%}{%- endfor -%}{%- endmacro -%}{{ render(x) }}",
    'a: "s"b:  c:    z: null  d: 1',
    { x: { b: { d: 1, c: { z: null } }, a: "s" } },
  ],
  [
    "{{ [1, 2, 3][-1] }}{{ [[1,2],[3]][0][1] }}{{ {'a': 1}.get('b', {}).get('c', 5) }}{{ ((1)) }}{{ [1,2,] }}{{ {'a':1,} }}{{ (1,2,) }}",
    "3251[1, 2]{'a': 1}(1, 2)",
  ],
  [
    "{{ '\u00e9'.upper() }}{{ '\u00c0\u00c9' | lower }}{{ '\u0130' | length }}{{ '\u65e5\u672c' | list }}{{ 'e\u0301' | length }}",
    "\u00c9\u00e0\u00e91['\u65e5', '\u672c']2",
  ],
  [
    "{{ loop is defined }}{{ messages is defined }}{{ range(3) | list }}{{ range(5) | length }}{{ range(5)[2] }}{{ range(0) | list }}",
    "FalseFalse[0, 1, 2]52[]",
  ],
  ["{% if true %}\n\n  a\n{% endif %}\n\nb\n\n\n", "\n  a\n\nb\n\n"],
  ["{% set a = 'x' -%}\n   {{ a }}{%- set b = 1 %}\n{{ b }}", "x1"],
  [
    "{{ 10 ** 2 }}{{ 9007199254740991 }}{{ 1.0 * 3 }}{{ 3 // 2.0 }}{{ 0.1 + 0.2 }}{{ 1e308 * 10 }}{{ -1e308 * 10 }}{{ 5 % 2.5 }}{{ 100000.0 }}{{ -0.0 }}",
    "10090071992547409913.01.00.30000000000000004inf-inf0.0100000.0-0.0",
  ],
];
