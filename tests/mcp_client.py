"""Talks to a running server through the Model Context Protocol's own client library: mcp_client.py URL AGENT_KEY TECHNICIAN_KEY PHOTO. Exit status 1
when an answer is not as it should be."""

import base64
import pathlib
import sys

import anyio
import httpx2
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client

url, agent, technician, photo = sys.argv[1:]
KNOWLEDGE = {"search_manuals", "answer_question", "predict_parts"}


async def talk(key: str, then) -> None:
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
        async with streamable_http_client(f"{url}/mcp", http_client=http) as (read, write):
            async with ClientSession(read, write) as session:
                told = await session.initialize()
                assert told.server_info.name == "shifu" and told.protocol_version == "2025-11-25", told
                await session.send_ping()
                await then(session)


def text(result) -> str:
    return "\n".join(part.text for part in result.content)


async def as_agent(session: ClientSession) -> None:
    tools = {tool.name: tool for tool in (await session.list_tools()).tools}
    assert set(tools) == KNOWLEDGE | {"summarize_ticket"}, set(tools)
    asked = await session.call_tool("answer_question", {"question": "报E6怎么处理？", "model": "KFR-35GW/QH1"})
    assert not asked.is_error and "通讯故障" in text(asked) and asked.structured_content["citations"][0]["page"] > 0, asked
    print("answer_question:", text(asked).splitlines()[-1])
    found = await session.call_tool("search_manuals", {"query": "制冷剂充注量", "top_k": 3})
    assert len(found.structured_content["hits"]) == 3, found
    said = [{"speaker": "customer", "text": "空调开了不制冷，显示E6"}, {"speaker": "agent", "text": "好的，明天上午安排师傅上门检查"}]
    summary = await session.call_tool("summarize_ticket", {"dialogue": said})
    assert not summary.is_error and "E6" in text(summary), summary
    predicted = await session.call_tool("predict_parts", {"product_line": "split_air_conditioner", "fault_codes": ["E6"]})
    assert not predicted.is_error and predicted.structured_content["causes"], predicted
    wrong = await session.call_tool("answer_question", {"question": ""})
    assert wrong.is_error and "question" in text(wrong), wrong
    print("an error:", text(wrong).splitlines()[0])
    try:
        await session.call_tool("inspect_photos", {"inspection_id": "x"})
    except Exception as error:
        assert "Unknown tool" in str(error), error
    else:
        raise AssertionError("an agent may not inspect")


async def as_technician(session: ClientSession) -> None:
    tools = {tool.name for tool in (await session.list_tools()).tools}
    assert tools == KNOWLEDGE | {"inspect_photos"}, tools
    data = base64.b64encode(pathlib.Path(photo).read_bytes()).decode()
    ticket = {"ticket_id": "MCP-1", "category": "split_air_conditioner_install", "stage": "after"}
    photos = [{"file": "a.jpg", "data": data, "checkpoint": "outdoor_bracket"}]
    inspected = await session.call_tool("inspect_photos", {"ticket": ticket, "photos": photos})
    assert not inspected.is_error, inspected
    told = inspected.structured_content
    again = await session.call_tool("inspect_photos", {"inspection_id": told["inspection_id"]})
    assert again.structured_content["verdict"] == told["verdict"] and told["findings"] == again.structured_content["findings"], again
    print("inspect_photos:", told["verdict"], len(told["findings"]), "findings")
    damaged = await session.call_tool("inspect_photos", {"ticket": ticket, "photos": [{"file": "a.jpg", "data": "not base64"}]})
    assert damaged.is_error and "photos[0].data" in text(damaged), damaged


anyio.run(talk, agent, as_agent)
anyio.run(talk, technician, as_technician)
