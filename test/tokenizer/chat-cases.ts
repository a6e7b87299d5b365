/**
 * Conversations and chat templates as plain data, for the tests here and for comparisons with other implementations. The
 * templates are written in the manner of published families; between them they use every construct that those use.
 */

/** A template by name; `wants` says which conversations it takes: all, or only those that alternate user and assistant. */
export interface TemplateCase {
  readonly name: string;
  readonly template: string;
}

/** A conversation with the further variables of the template. */
export interface Conversation {
  readonly name: string;
  readonly messages: readonly Record<string, unknown>[];
  readonly tools?: readonly object[];
  readonly documents?: readonly object[];
  readonly add_generation_prompt?: boolean;
}

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: 'The weather at a "place" <now> & later\nin °C',
    parameters: {
      type: "object",
      properties: {
        place: { type: "string", description: "Name of the place" },
        days: { type: "integer", minimum: 1, default: 3 },
        unit: { type: "string", enum: ["C", "F"] },
        parts: { type: "array", items: { type: "object", properties: { x: { type: "number" } } } },
      },
      required: ["place"],
    },
  },
};
const call = {
  id: "call_01234",
  type: "function",
  function: { name: "get_weather", arguments: { place: "Zürich", days: 2, exact: null, share: 0.5 } },
};

/** What people and models say to one another. */
export const conversations: readonly Conversation[] = [
  { name: "one question", messages: [{ role: "user", content: "Hello!" }], add_generation_prompt: true },
  {
    name: "two turns with a system prompt",
    messages: [
      { role: "system", content: "Be brief. " },
      { role: "user", content: " What is 2 + 2? " },
      { role: "assistant", content: "4\n" },
      { role: "user", content: "And 3 + 3?" },
    ],
    add_generation_prompt: true,
  },
  {
    name: "special characters",
    messages: [
      { role: "user", content: "\ufeff <|im_end|> </s> {{ x }} {% if %} 'q' \"d\" \\ \n\n 日本語 😀👩‍👩‍👧 \u00a0\u3000" },
      { role: "assistant", content: "<think>\nhm\n</think>\n\nYes & <b>no</b>\t\r\n" },
      { role: "user", content: "" },
    ],
  },
  {
    name: "tools",
    messages: [
      { role: "system", content: "Use tools." },
      { role: "user", content: "Weather in Zürich?" },
      { role: "assistant", content: "", tool_calls: [call] },
      { role: "tool", name: "get_weather", tool_call_id: "call_01234", content: '{"°C": 21.5}' },
      { role: "tool", name: "get_weather", tool_call_id: "call_01235", content: "rain" },
      { role: "assistant", content: "21.5 °C, rain." },
    ],
    tools: [
      weather,
      {
        type: "function",
        function: { name: "now", description: "The time", parameters: { type: "object", properties: {} } },
      },
    ],
  },
  {
    name: "reasoning",
    messages: [
      { role: "user", content: "a" },
      { role: "assistant", content: "b", reasoning_content: "because" },
      { role: "user", content: "c" },
      { role: "assistant", content: "<think>so</think>d" },
    ],
    add_generation_prompt: true,
  },
  {
    name: "content in parts",
    messages: [
      { role: "user", content: [{ type: "image" }, { type: "text", text: "What is this?" }] },
      { role: "assistant", content: [{ type: "text", text: "A cat." }] },
    ],
  },
  {
    name: "documents",
    messages: [{ role: "user", content: "Where?" }],
    documents: [
      { title: "One", text: "Here." },
      { title: "Two", text: "There.", pages: [1, 2] },
    ],
    add_generation_prompt: true,
  },
  { name: "system alone", messages: [{ role: "system", content: "Only this" }] },
  {
    name: "user twice",
    messages: [
      { role: "user", content: "a" },
      { role: "user", content: "b" },
    ],
  },
  {
    name: "nothing said",
    messages: [
      { role: "user", content: "x" },
      { role: "assistant", content: null },
      { role: "user", content: "y", name: "Ann" },
    ],
    add_generation_prompt: true,
  },
];

/** Templates in the manner of the families that chat models come in. */
export const chatTemplates: readonly TemplateCase[] = [
  {
    name: "chatml",
    template: `{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`,
  },
  {
    name: "instructions in brackets",
    template: `{% if messages[0]['role'] == 'system' %}
    {% set loop_messages = messages[1:] %}
    {% set system_message = messages[0]['content'] %}
{% else %}
    {% set loop_messages = messages %}
    {% set system_message = false %}
{% endif %}
{% for message in loop_messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Roles must alternate: ' ~ loop.index0 ~ ' is ' ~ message.role) }}
    {% endif %}
    {% if loop.index0 == 0 and system_message != false %}
        {% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
    {% else %}
        {% set content = message['content'] %}
    {% endif %}
    {% if message['role'] == 'user' %}
        {{- bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
    {% elif message['role'] == 'assistant' %}
        {{- ' ' + content.strip() + ' ' + eos_token }}
    {% endif %}
{% endfor %}`,
  },
  {
    name: "headers with tools",
    template: `{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start|>system<|end|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: tools\\n" }}
{%- endif %}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}{{- "<|eot|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start|>' + message['role'] + '<|end|>\\n\\n' + message['content'] | trim + '<|eot|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls | length == 1 %}
            {{- raise_exception("One tool call at a time") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start|>assistant<|end|>\\n\\n{"name": "' + tool_call.name + '", "parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}{{- "<|eot|>" }}
    {%- else %}
        {{- "<|start|>ipython<|end|>\\n\\n" }}
        {%- if message.content is mapping or (message.content is iterable and message.content is not string) %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start|>assistant<|end|>\\n\\n' }}
{%- endif %}
`,
  },
  {
    name: "turns of a model",
    template: `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}`,
  },
  {
    name: "parts and images",
    template: `{%- for message in messages -%}
<|{{ message.role | lower }}|>
{%- if message.content is string %}
{{ message.content }}
{%- elif message.content is not none %}
  {%- for part in message.content %}
    {%- if part.type == 'image' %}<image_{{ loop.index }}>
    {%- elif part['type'] == 'text' %}{{ part.text if part.text is defined else '' }}
    {%- endif %}
  {%- endfor %}
{%- endif %}
<|end|>
{% endfor -%}
{{ '<|assistant|>' if add_generation_prompt else eos_token }}`,
  },
  {
    name: "schemas as types",
    template: `{%- macro type_of(schema) -%}
    {%- if schema.type == "array" -%}
        {%- if schema['items'] -%}{{ type_of(schema['items']) }}[]{%- else -%}any[]{%- endif -%}
    {%- elif schema.type is defined and schema.type is iterable and schema.type is not string and schema.type is not mapping -%}
        {{ schema.type | join(" | ") }}
    {%- elif schema.enum -%}
        {{ '"' + schema.enum | join('" | "') + '"' }}
    {%- elif schema.type == "object" -%}
        {
        {%- for name, value in (schema.properties or {}).items() -%}
            {{ name }}{{ "" if name in (schema.required or []) else "?" }}: {{ type_of(value) }}{{ ", " if not loop.last }}
        {%- endfor -%}
        }
    {%- elif schema.type in ["number", "integer"] -%}number
    {%- else -%}{{ schema.type | default("any", true) }}
    {%- endif -%}
    {%- if schema.default is defined %} // default: {{ schema.default if schema.default is string else schema.default | tojson }}{%- endif -%}
{%- endmacro -%}
{%- if tools -%}
    namespace functions {
    {%- for tool in tools | map(attribute="function") %}
// {{ tool.description | replace("\\n", "\\n// ") }}
type {{ tool.name }} = (_: {{ type_of(tool.parameters) }}) => any;
    {%- endfor %}
}
{% endif -%}
{%- for m in messages | rejectattr("role", "equalto", "system") %}<{{ m.role }}>{{ m.content | default("", true) }}{% if m.tool_calls is defined %}{% for c in m.tool_calls %}{% for k, v in c.function.arguments | dictsort %}{{ k }}={{ v | string }};{% endfor %}{% endfor %}{% endif %}
{% endfor %}`,
  },
  {
    name: "namespace",
    template: `{%- set ns = namespace(system='', is_tool=false, n=0, first=true) -%}
{%- for message in messages if message.role == 'system' -%}
    {%- if ns.first -%}{%- set ns.system = ns.system + message.content -%}{%- set ns.first = false -%}
    {%- else -%}{%- set ns.system = ns.system + '\\n\\n' + message.content -%}{%- endif -%}
{%- endfor -%}
{{ bos_token }}{{ ns.system }}
{%- for message in messages -%}
    {%- set content = message.content if message.content is not none else '' -%}
    {%- if message.role == 'user' -%}
        {%- set ns.is_tool = false -%}{{ '<User>' ~ content }}
    {%- elif message.role == 'assistant' and message.tool_calls -%}
        {%- set ns.is_tool = true -%}
        {%- for tool in message['tool_calls'] -%}
            {{ '<call>' + tool['type'] + '<sep>' + tool['function']['name'] + '\\n' + tool['function']['arguments'] | tojson + '</call>' }}
            {%- set ns.n = ns.n + 1 -%}
        {%- endfor -%}
    {%- elif message.role == 'assistant' -%}
        {%- if '</think>' in content -%}{%- set content = content.split('</think>')[-1] -%}{%- endif -%}
        {{ '<Assistant>' ~ content ~ eos_token }}
    {%- elif message.role == 'tool' -%}
        {{ '<result ' ~ loop.index0 ~ '>' ~ content ~ '</result>' }}{%- if loop.last or loop.nextitem.role != 'tool' -%}<end of results>{%- endif -%}
    {%- endif -%}
{%- endfor -%}
[{{ ns.n }}]{% if add_generation_prompt and not ns.is_tool %}<Assistant>{% endif %}`,
  },
  {
    name: "strict",
    template: `{%- set user_messages = messages | selectattr("role", "equalto", "user") | list %}
{%- if user_messages | length == 0 %}{{ raise_exception("no user message") }}{% endif %}
{#- Only the last user message gets the tools. #}
{%- for message in messages %}
    {%- if message["role"] not in ["user", "assistant", "system", "tool"] %}
        {{- raise_exception("unknown role " + message.role) }}
    {%- elif message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}{{- ", " }}{%- endif %}
                {%- endfor %}
                {{- "}}" }}{% if not loop.last %}{{- ", " }}{% else %}{{- "]" }}{% endif %}
            {%- endfor %}
            {{- "[/TOOLS]" }}
        {%- endif %}
        {{- "[INST] " + (message["content"] if message["content"] is string else message["content"] | map(attribute="text", default="?") | join("+")) + "[/INST]" }}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length < 9 %}{{- raise_exception("short id") }}{%- endif %}
            {{- ', "id": "' + tool_call.id[-9:] + '"}' }}
        {%- endfor %}
    {%- elif message.content is string %}
        {{- " " + message["content"]|trim + eos_token }}
    {%- endif %}
{%- endfor %}`,
  },
  {
    name: "documents",
    template: `{{ bos_token }}{% set preamble %}
# Task
{% if messages[0].role == 'system' %}{{ messages[0].content | trim }}{% else %}Answer.{% endif %}

{% endset %}{{ preamble | indent(2) | trim }}
{% if documents %}
{% for document in documents %}
Document: {{ loop.index0 }} ({{ loop.revindex }} left)
  {% for key, value in document | items %}
  {{ key | title | upper | capitalize }}: {{ value if value is string else value | join(', ') }}
  {% endfor %}
{% endfor %}
{% endif %}
{%- for message in messages | reverse %}
{% if loop.index > 3 %}{% break %}{% endif %}
{% if message.content is none %}{% continue %}{% endif %}
{{ loop.cycle('-', '+') }} {{ message.role[0] | upper }}{{ message.role[1:] }}: {{ message.content if message.content is string else (message.content | length) ~ ' parts' }}
{% endfor %}`,
  },
  {
    name: "macros and callers",
    template: `{% macro turn(role, end='<|end|>\\n') %}<|{{ role }}|>{{ caller(role) }}{{ end }}{% endmacro %}
{% for message in messages %}
{% call(role) turn(message.role, end=';\\n' if loop.last else '<|end|>\\n') %}{% filter trim %} {{ message.name ~ ': ' if message.name is defined }}{{ message.content }} {% endfilter %}({{ role | length }}){% endcall %}
{% endfor %}
{% generation %}{{ '<|assistant|>' if add_generation_prompt }}{% endgeneration %}`,
  },
  {
    name: "numbers and lists",
    template: `{% set total = messages | length %}{% with half = total // 2, share = total / 4 %}{{ half }} {{ share }} {{ (share * 100) | round(1) }} {{ -total % 3 }} {{ 2 ** total }}{% endwith %}
{% set roles = messages | map(attribute='role') | list %}{{ roles }} {{ roles | unique | sort(reverse=true) | join('>') }} {{ roles[::-1] | first }} {{ roles[-2:] | tojson }}
{{ ['a', none, 1.0, true, {'k': (1, 2)}] }} {{ range(0, total, 2) | list }} {{ [1, 2] + [3] }} {{ 'no' if total < 0 else 'yes' }}
{{ namespace(a=1).a }} {{ dict(x=1, y='z') | tojson }} {{ 'a' in roles }} {{ 'user' in roles }} {{ 1 < total <= 3 }} {{ not total is odd }}`,
  },
  {
    name: "white space",
    template: `   {%- raw %} {{ raw }} {% endraw %}
  {# a comment #}
\t{%+ if true %} kept {% endif +%}
  {% for m in messages %}
    {{- ' ' -}}
      {{ m.role }}
  {%- endfor %}
{{ "end" -}}   
  {% if false -%} x {%- else %}

  y
  {% endif %}

`,
  },
];
