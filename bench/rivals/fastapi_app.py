"""The job of bench/compare by hand: FastAPI, pydantic, aiohttp with kept connections. AT_ONCE=1 answers before it delivers,
from a queue in memory."""
import asyncio
import hmac
import os
import re
from contextlib import asynccontextmanager
from datetime import datetime, timezone
from typing import Literal, Optional

import aiohttp
import orjson
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, ValidationError

RECEIVER, FORM_TOKEN, ACME_TOKEN = (os.environ[name] for name in ("RECEIVER", "FORM_TOKEN", "ACME_TOKEN"))
AT_ONCE = "AT_ONCE" in os.environ
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
NOT_DIGITS = re.compile(r"\D")
TOPICS = {"Vendas": "sales", "Suporte": "support"}
HEADERS = {"Content-Type": "application/json", "Authorization": f"Bearer {ACME_TOKEN}"}
ACCEPTED = orjson.dumps({"accepted": True})


class Note(BaseModel):
    model_config = ConfigDict(extra="forbid")
    email: str
    text: str
    phone: Optional[str] = None
    topic: Literal["sales", "support", "other"]
    name: str
    at: datetime


def mapped(payload) -> Note:
    form = payload["form_response"]
    answers = {one["field"]["ref"]: one for one in form["answers"]}
    email, name = answers["email"]["email"].strip(), answers["name"]["text"]
    if not EMAIL.fullmatch(email):
        raise ValueError("no e-mail address")
    topic = TOPICS.get(answers["topic"]["choice"]["label"], "other")
    phone = NOT_DIGITS.sub("", answers["phone"]["phone_number"]) if "phone" in answers else None
    at = datetime.fromisoformat(form["submitted_at"].replace("Z", "+00:00")).astimezone(timezone.utc)
    return Note(email=email, name=name, phone=phone, topic=topic, at=at, text=f"{name} asks about {topic}.")


async def deliver(note: Note):
    async with session.post(f"{RECEIVER}/acme/notes", data=note.model_dump_json(), headers=HEADERS) as answer:
        if answer.status != 200 or not orjson.loads(await answer.read()).get("id"):
            raise RuntimeError(f"not delivered: {answer.status}")


async def work():
    while True:
        try:
            await deliver(await queue.get())
        except Exception as error:
            print(error)


@asynccontextmanager
async def life(_):
    global session, queue
    queue = asyncio.Queue()
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))
    workers = [asyncio.create_task(work()) for _ in range(64)] if AT_ONCE else []
    yield
    for worker in workers:
        worker.cancel()
    await session.close()


app = FastAPI(lifespan=life)


@app.post("/hooks/form")
async def form(request: Request):
    if not hmac.compare_digest(request.headers.get("x-token", "").encode(), FORM_TOKEN.encode()):
        return Response(status_code=401)
    payload = orjson.loads(await request.body())
    if payload["event_type"] != "form_response":
        return Response(status_code=202)
    try:
        note = mapped(payload)
    except (KeyError, ValueError, ValidationError) as error:
        return Response(str(error), status_code=422)
    if AT_ONCE:
        queue.put_nowait(note)
    else:
        await deliver(note)
    return Response(ACCEPTED, status_code=202, media_type="application/json")
