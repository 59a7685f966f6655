"""Sends two turns with a tool, and a structured request, through one published client.

    check.py CLIENT ROOT

ROOT is the URL of the server without /v1. The model may say anything, so the answers are checked for their form only:
a call of the tool with arguments that the schema allows, a text after the result of the tool, and an object that
the schema allows.

The clients whose names end in "documents" upload and search documents, and read the citations of a model that says what
a script tells it.
"""

import asyncio
import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

# The table of prices and contexts that litellm fetches when it starts is in the package, too.
os.environ['LITELLM_LOCAL_MODEL_COST_MAP'] = 'True'

MODEL = 'budgetforce-tiny'
KEY = 'no-key'
QUESTION = 'What is the weather in Paris?'
RESULT = 'Sunny, 21 degrees.'
SUM = 'What is 2 + 2?'
CITY = {
    'type': 'object',
    'properties': {'city': {'type': 'string', 'enum': ['Paris', 'Rome']}},
    'required': ['city'],
    'additionalProperties': False,
}
NUMBER = {
    'type': 'object',
    'properties': {'number': {'type': 'integer', 'enum': [3, 4, 5]}},
    'required': ['number'],
    'additionalProperties': False,
}
FUNCTION = {'name': 'weather', 'description': 'The weather of a city.', 'parameters': CITY}
CHAT_TOOL = {'type': 'function', 'function': FUNCTION}
JSON_SCHEMA = {'type': 'json_schema', 'json_schema': {'name': 'number', 'strict': True, 'schema': NUMBER}}


def is_call(name, arguments):
    assert name == 'weather', name
    given = json.loads(arguments) if isinstance(arguments, str) else arguments
    assert given in ({'city': 'Paris'}, {'city': 'Rome'}), given


def is_number(answer):
    given = json.loads(answer) if isinstance(answer, str) else answer
    assert list(given) == ['number'] and given['number'] in (3, 4, 5), given


def is_text(text):
    assert isinstance(text, str) and text.strip() != '', text


def openai_chat(root, key=KEY):
    import openai

    create = openai.OpenAI(base_url=f'{root}/v1', api_key=key).chat.completions.create
    messages = [{'role': 'user', 'content': QUESTION}]
    first = create(model=MODEL, messages=messages, tools=[CHAT_TOOL], tool_choice='required').choices[0].message
    call = first.tool_calls[0]
    is_call(call.function.name, call.function.arguments)
    result = {'role': 'tool', 'tool_call_id': call.id, 'content': RESULT}
    second = create(model=MODEL, messages=[*messages, first, result], tools=[CHAT_TOOL], tool_choice='none')
    is_text(second.choices[0].message.content)
    sums = [{'role': 'user', 'content': SUM}]
    answer = create(model=MODEL, messages=sums, response_format=JSON_SCHEMA).choices[0].message
    is_number(answer.content)
    again = [*sums, answer, {'role': 'user', 'content': 'Once more.'}]
    is_number(create(model=MODEL, messages=again, response_format=JSON_SCHEMA).choices[0].message.content)


def openai_responses(root, key=KEY):
    import openai

    create = openai.OpenAI(base_url=f'{root}/v1', api_key=key).responses.create
    tools = [{'type': 'function', 'strict': True, **FUNCTION}]
    asked = [{'role': 'user', 'content': QUESTION}]
    first = create(model=MODEL, input=asked, tools=tools, tool_choice='required')
    call = next(item for item in first.output if item.type == 'function_call')
    is_call(call.name, call.arguments)
    result = {'type': 'function_call_output', 'call_id': call.call_id, 'output': RESULT}
    second = create(model=MODEL, input=[*asked, *first.output, result], tools=tools, tool_choice='none')
    is_text(second.output_text)
    text = {'format': {'type': 'json_schema', 'name': 'number', 'strict': True, 'schema': NUMBER}}
    sums = [{'role': 'user', 'content': SUM}]
    answer = create(model=MODEL, input=sums, text=text)
    is_number(answer.output_text)
    again = [*sums, *answer.output, {'role': 'user', 'content': 'Once more.'}]
    is_number(create(model=MODEL, input=again, text=text).output_text)


def anthropic(root, key=KEY):
    import anthropic

    create = anthropic.Anthropic(base_url=root, api_key=key).messages.create
    tools = [{'name': 'weather', 'description': 'The weather of a city.', 'input_schema': CITY}]
    asked = [{'role': 'user', 'content': QUESTION}]
    options = {'model': MODEL, 'max_tokens': 900, 'thinking': {'type': 'adaptive'}}
    first = create(messages=asked, tools=tools, tool_choice={'type': 'any'}, **options)
    call = next(block for block in first.content if block.type == 'tool_use')
    is_call(call.name, call.input)
    result = {'type': 'tool_result', 'tool_use_id': call.id, 'content': [{'type': 'text', 'text': RESULT}]}
    turns = [*asked, {'role': 'assistant', 'content': first.content}, {'role': 'user', 'content': [result]}]
    second = create(messages=turns, tools=tools, tool_choice={'type': 'none'}, **options)
    is_text(second.content[-1].text)
    form = {'format': {'type': 'json_schema', 'schema': NUMBER}}
    sums = [{'role': 'user', 'content': SUM}]
    answer = create(messages=sums, output_config=form, **options)
    is_number(answer.content[-1].text)
    again = [*sums, {'role': 'assistant', 'content': answer.content}, {'role': 'user', 'content': 'Once more.'}]
    is_number(create(messages=again, output_config=form, **options).content[-1].text)


def langchain(client, method):
    from langchain_core.messages import HumanMessage, ToolMessage

    asked = [HumanMessage(QUESTION)]
    first = client.bind_tools([CHAT_TOOL], tool_choice='any').invoke(asked)
    call = first.tool_calls[0]
    is_call(call['name'], call['args'])
    turns = [*asked, first, ToolMessage(RESULT, tool_call_id=call['id'])]
    second = client.bind_tools([CHAT_TOOL]).invoke(turns)
    assert second.text.strip() != '' or second.tool_calls, second
    schema = {'title': 'number', **NUMBER}
    is_number(client.with_structured_output(schema, method=method).invoke(SUM))
    # Stored by the framework as it came: thoughts, ids and all.
    is_text(client.invoke([HumanMessage(SUM), client.invoke(SUM), HumanMessage('Once more.')]).text)


def langchain_openai(root):
    from langchain_openai import ChatOpenAI

    langchain(ChatOpenAI(model=MODEL, base_url=f'{root}/v1', api_key=KEY), 'json_schema')


def langchain_responses(root):
    from langchain_openai import ChatOpenAI

    client = ChatOpenAI(model=MODEL, base_url=f'{root}/v1', api_key=KEY, use_responses_api=True)
    langchain(client, 'json_schema')


def langchain_anthropic(root):
    from langchain_anthropic import ChatAnthropic

    langchain(ChatAnthropic(model=MODEL, base_url=root, api_key=KEY, max_tokens=900), 'json_schema')


def litellm_turns(options):
    import litellm

    litellm.telemetry = False
    asked = [{'role': 'user', 'content': QUESTION}]
    first = litellm.completion(messages=asked, tools=[CHAT_TOOL], tool_choice='required', **options)
    message = first.choices[0].message
    call = message.tool_calls[0]
    is_call(call.function.name, call.function.arguments)
    result = {'role': 'tool', 'tool_call_id': call.id, 'content': RESULT}
    turns = [*asked, message.model_dump(), result]
    second = litellm.completion(messages=turns, tools=[CHAT_TOOL], tool_choice='none', **options)
    is_text(second.choices[0].message.content)
    sums = [{'role': 'user', 'content': SUM}]
    answer = litellm.completion(messages=sums, response_format=JSON_SCHEMA, **options)
    is_number(answer.choices[0].message.content)
    again = [*sums, answer.choices[0].message.model_dump(), {'role': 'user', 'content': 'Once more.'}]
    is_number(litellm.completion(messages=again, response_format=JSON_SCHEMA, **options).choices[0].message.content)


def litellm(root):
    litellm_turns({'model': f'openai/{MODEL}', 'api_base': f'{root}/v1', 'api_key': KEY})


def litellm_anthropic(root):
    litellm_turns({'model': f'anthropic/{MODEL}', 'api_base': root, 'api_key': KEY, 'max_tokens': 900})


def litellm_proxy(root):
    """The proxy of docs/litellm-proxy.yaml before the server, and two clients before the proxy."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    preset = pathlib.Path(__file__).parents[3] / 'docs/litellm-proxy.yaml'
    # The proxy does not start with a key that is easy to guess.
    key = f'sk-{secrets.token_hex(16)}'
    settings = {'LITELLM_MASTER_KEY': key, 'BUDGETFORCE_URL': f'{root}/v1', 'BUDGETFORCE_API_KEY': KEY}
    program = [str(pathlib.Path(sys.executable).with_name('litellm')), '--config', str(preset), '--port', str(port)]
    with tempfile.TemporaryFile() as log:
        proxy = subprocess.Popen(program, env={**os.environ, **settings}, stdout=log, stderr=log)
        try:
            url = f'http://127.0.0.1:{port}'
            for _ in range(240):
                try:
                    urllib.request.urlopen(f'{url}/health/liveliness', timeout=2).close()
                    break
                except OSError:
                    if proxy.poll() is not None:
                        log.seek(0)
                        raise SystemExit(log.read().decode())
                    time.sleep(0.5)
            openai_chat(url, key)
            openai_responses(url, key)
            anthropic(url, key)
            budget_through_proxy(url, key)
        except Exception:
            log.seek(0)
            print(log.read().decode()[-4000:], file=sys.stderr)
            raise
        finally:
            proxy.terminate()
            proxy.wait()


def budget_through_proxy(url, key):
    import openai

    create = openai.OpenAI(base_url=f'{url}/v1', api_key=key).chat.completions.create
    budget = {'thinking': {'max_tokens': 20}}
    answer = create(model=MODEL, messages=[{'role': 'user', 'content': SUM}], extra_body=budget)
    report = answer.model_dump()['budget_forcing']
    assert report['limits']['max_tokens'] == 20 and report['thinking_tokens'] <= 20, report


def pydantic_ai_turns(model):
    from typing import Literal

    from pydantic import BaseModel
    from pydantic_ai import Agent, NativeOutput, ToolOutput
    from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, ToolCallPart, ToolReturnPart
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.tools import ToolDefinition

    class Number(BaseModel):
        number: Literal[3, 4, 5]

    # The loop of an agent ends when the model wants it to, so the two turns with a tool are sent one by one.
    async def two_turns():
        parameters = ModelRequestParameters(
            function_tools=[ToolDefinition(name='weather', description='The weather.', parameters_json_schema=CITY)],
            allow_text_output=False,
        )
        asked = ModelRequest.user_text_prompt(QUESTION)
        first = await model.request([asked], None, parameters)
        call = next(part for part in first.parts if isinstance(part, ToolCallPart))
        is_call(call.tool_name, call.args_as_dict())
        result = ModelRequest(parts=[ToolReturnPart('weather', RESULT, call.tool_call_id)])
        free = ModelRequestParameters(function_tools=parameters.function_tools, allow_text_output=True)
        second = await model.request([asked, first, result], None, free)
        assert second.parts, second

    asyncio.run(two_turns())
    for form in (NativeOutput(Number), ToolOutput(Number)):
        first = Agent(model, output_type=form).run_sync(SUM)
        assert first.output.number in (3, 4, 5)
        again = Agent(model, output_type=form).run_sync('Once more.', message_history=first.all_messages())
        assert again.output.number in (3, 4, 5)


def pydantic_ai(root):
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    pydantic_ai_turns(OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=f'{root}/v1', api_key=KEY)))


def pydantic_ai_responses(root):
    from pydantic_ai.models.openai import OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    pydantic_ai_turns(OpenAIResponsesModel(MODEL, provider=OpenAIProvider(base_url=f'{root}/v1', api_key=KEY)))


def instructor(root):
    from typing import Literal

    import instructor
    import openai
    from pydantic import BaseModel

    class Number(BaseModel):
        number: Literal[3, 4, 5]

    for mode in (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA):
        client = instructor.from_openai(openai.OpenAI(base_url=f'{root}/v1', api_key=KEY), mode=mode)
        sums = [{'role': 'user', 'content': SUM}]
        options = {'model': MODEL, 'response_model': Number, 'max_retries': 0}
        answer, raw = client.chat.completions.create_with_completion(messages=sums, **options)
        assert answer.number in (3, 4, 5)
        stored = {'role': 'assistant', 'content': answer.model_dump_json()}
        again = [*sums, stored, {'role': 'user', 'content': 'Once more.'}]
        assert client.chat.completions.create(messages=again, **options).number in (3, 4, 5)


def llm(root):
    import llm
    from llm.default_plugins.openai_models import Chat

    model = Chat(
        'budgetforce',
        model_name=MODEL,
        api_base=f'{root}/v1',
        supports_tools=True,
        supports_schema=True,
        reasoning=True,
    )
    model.key = KEY
    conversation = model.conversation()
    is_text(conversation.prompt(SUM).text())
    is_text(conversation.prompt('Once more.', stream=False).text())
    is_number(model.prompt(SUM, schema=NUMBER).text())

    def weather(city: str) -> str:
        """The weather of a city."""
        return RESULT

    # llm cannot force a call, so the first answer gets one.
    talk = model.conversation(tools=[weather])
    first = talk.prompt(QUESTION)
    first.text()
    first.add_tool_call(llm.ToolCall(name='weather', arguments={'city': 'Paris'}, tool_call_id='call_1'))
    result = llm.ToolResult(name='weather', output=RESULT, tool_call_id='call_1')
    second = talk.prompt(tool_results=[result])
    assert second.text().strip() != '' or second.tool_calls(), second


COINS = b'# Coins\n\nA florn is 17 coins.\n'
FLORN = 'What is a florn worth?'


def store_of(openai_client):
    """Uploads a document, and takes it into a new store."""
    file = openai_client.files.create(file=('coins.md', COINS), purpose='assistants')
    store = openai_client.vector_stores.create(name='coins')
    kept = openai_client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id)
    assert kept.status == 'completed', kept
    return file, store


def openai_documents(root, key=KEY):
    import openai

    client = openai.OpenAI(base_url=f'{root}/v1', api_key=key)
    file, store = store_of(client)
    found = client.vector_stores.search(store.id, query=FLORN).data
    assert found[0].file_id == file.id and 'A florn is 17 coins.' in found[0].content[0].text, found
    batch = client.vector_stores.file_batches.upload_and_poll(store.id, files=[('seas.txt', b'The Tel sea is wide.')])
    assert batch.file_counts.completed == 1, batch
    names = {client.files.retrieve(kept.id).filename for kept in client.vector_stores.files.list(store.id)}
    assert names == {'coins.md', 'seas.txt'}, names
    asked = {
        'model': 'scripted',
        'input': FLORN,
        'tools': [{'type': 'file_search', 'vector_store_ids': [store.id]}],
        'include': ['file_search_call.results'],
    }
    answer = client.responses.create(**asked)
    search = next(item for item in answer.output if item.type == 'file_search_call')
    assert search.queries == [FLORN] and search.results[0].file_id == file.id, search
    cites_file(answer, file)
    with client.responses.stream(**asked) as stream:
        kinds = {event.type for event in stream}
        cites_file(stream.get_final_response(), file)
    assert 'response.file_search_call.completed' in kinds and 'response.output_text.annotation.added' in kinds, kinds
    chat = client.chat.completions.create(
        model='scripted',
        messages=[{'role': 'user', 'content': FLORN}],
        extra_body={'retrieval': {'stores': [store.id], 'max_tokens': 200}},
    )
    (citation,) = chat.choices[0].message.annotations
    assert citation.url_citation.title == 'coins.md', citation
    assert chat.budget_forcing['retrieval']['tokens'] <= 200, chat
    assert client.vector_stores.delete(store.id).deleted and client.files.delete(file.id).deleted
    try:
        client.vector_stores.retrieve(store.id)
    except openai.NotFoundError:
        return
    raise AssertionError('The store is still there.')


def cites_file(answer, file):
    (citation,) = answer.output[-1].content[0].annotations
    assert citation.type == 'file_citation' and citation.file_id == file.id, citation
    assert answer.output_text[citation.index :].startswith('[1]'), answer.output_text


def anthropic_documents(root, key=KEY):
    import anthropic
    import openai

    file, store = store_of(openai.OpenAI(base_url=f'{root}/v1', api_key=key))
    messages = anthropic.Anthropic(base_url=root, api_key=key).messages
    options = {
        'model': 'scripted',
        'max_tokens': 900,
        'thinking': {'type': 'adaptive'},
        'messages': [{'role': 'user', 'content': FLORN}],
        'extra_body': {'retrieval': {'stores': [store.id]}},
    }

    def cited(content):
        citations = [citation for block in content if block.type == 'text' for citation in block.citations or []]
        assert [citation.type for citation in citations] == ['search_result_location'], content
        assert citations[0].source == file.id and 'A florn is 17 coins.' in citations[0].cited_text, citations

    cited(messages.create(**options).content)
    with messages.stream(**options) as stream:
        cited(stream.get_final_message().content)


def openai_background(root, key=KEY):
    import openai

    responses = openai.OpenAI(base_url=f'{root}/v1', api_key=key).responses
    asked = {'model': MODEL, 'input': SUM, 'background': True, 'store': True}
    begun = responses.create(**asked)
    assert begun.status in ('queued', 'in_progress') and begun.background, begun
    for _ in range(600):
        answer = responses.retrieve(begun.id)
        if answer.status not in ('queued', 'in_progress'):
            break
        time.sleep(0.1)
    assert answer.status == 'completed', answer
    is_text(answer.output_text)
    events = list(responses.retrieve(begun.id, stream=True))
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(events))) and events[-1].type == 'response.completed', events
    rest = list(responses.retrieve(begun.id, stream=True, starting_after=numbers[-3]))
    assert [event.sequence_number for event in rest] == numbers[-2:], rest
    items = responses.input_items.list(begun.id).data
    assert items[0].content[0].text == SUM, items
    # A model that is made to think does not end before it is cancelled.
    long = responses.create(**asked, extra_body={'thinking': {'min_tokens': 1400, 'max_tokens': 1500}})
    cancelled = responses.cancel(long.id)
    assert cancelled.status == 'cancelled', cancelled
    again = responses.create(**{**asked, 'background': False}, previous_response_id=begun.id)
    assert again.previous_response_id == begun.id, again
    responses.delete(begun.id)
    try:
        responses.retrieve(begun.id)
    except openai.NotFoundError:
        return
    raise AssertionError('The response is still there.')


CLIENTS = {
    'openai-chat': openai_chat,
    'openai-responses': openai_responses,
    'anthropic': anthropic,
    'langchain-openai': langchain_openai,
    'langchain-openai-responses': langchain_responses,
    'langchain-anthropic': langchain_anthropic,
    'litellm': litellm,
    'litellm-anthropic': litellm_anthropic,
    'litellm-proxy': litellm_proxy,
    'pydantic-ai': pydantic_ai,
    'pydantic-ai-responses': pydantic_ai_responses,
    'instructor': instructor,
    'llm': llm,
    'openai-background': openai_background,
    'openai-documents': openai_documents,
    'anthropic-documents': anthropic_documents,
}

if __name__ == '__main__':
    if len(sys.argv) != 3:
        print(' '.join(CLIENTS))
    else:
        CLIENTS[sys.argv[1]](sys.argv[2])
