"""A newcomer's way: from the link that ``serve`` prints to a job that runs, and on to what went wrong."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.e2e.served import Server


def make(page: Page, name: str, schedule: str, agent: str, button: str) -> None:
    page.goto("/jobs/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Schedule", exact=True).fill(schedule)
    page.get_by_label("Prompt").fill(f"Say hello to {name}")
    page.get_by_label("Agent", exact=True).select_option(agent)
    page.get_by_role("button", name=button, exact=True).click()


def test_a_newcomer_makes_a_job_and_sees_it_run(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("Nothing is scheduled yet")).to_be_visible()
    page.get_by_role("link", name="Try it with an example").click()
    expect(page.locator("#preview")).to_contain_text("every 1 minute")
    page.get_by_role("button", name="Make it and run it now").click()
    # Nothing is pressed and nothing reloaded: the page follows the run.
    expect(page.locator("#run .status").first).to_contain_text("success")
    expect(page.locator("#answer")).to_contain_text("Say hello")
    page.get_by_role("link", name="Overview").click()
    expect(page.locator("#agenda")).to_contain_text("hello")
    expect(page.locator("#latest")).to_contain_text("success")
    expect(page.locator("#pulse")).to_have_text("scheduler runs")


def test_the_form_tells_what_is_typed_and_what_daylight_saving_does(page: Page) -> None:
    page.goto("/jobs/new")
    expect(page.get_by_label("Time zone")).to_have_value("America/New_York")
    page.get_by_label("Schedule", exact=True).press_sequentially("30 2 * * *")
    preview = page.locator("#preview")
    expect(preview).to_contain_text("at 02:30, every day (America/New_York)")
    expect(preview).to_contain_text("02:30 does not exist")
    page.get_by_label("Time zone").fill("Asia/Tokyo")
    expect(preview).to_contain_text("Asia/Tokyo")
    expect(preview).to_contain_text("America/New_York (you)")
    expect(preview).not_to_contain_text("does not exist")
    expect(preview.locator("tbody tr")).to_have_count(5)
    page.get_by_role("button", name="weekdays 09:00").click()
    expect(preview).to_contain_text("at 09:00, Monday to Friday")
    page.get_by_label("Schedule", exact=True).fill("99 * * * *")
    expect(preview.locator(".problem")).to_contain_text("minute")


def test_what_an_agent_says_is_read_and_does_nothing(page: Page) -> None:
    make(page, "talk <script>window.owned = 3</script>", "@daily", "talker", "Make it and run it now")
    expect(page.locator("#run .status").first).to_contain_text("success")
    expect(page.locator("#talk .assistant")).to_contain_text("<script>window.owned = 1</script>")
    expect(page.locator("#talk .user")).to_contain_text("Say hello to talk")
    for place in ("/", "/jobs", "/timeline", "/inbox"):
        page.goto(place)
        assert page.evaluate("window.owned") is None
    assert page.locator("main img, main script").count() == 0


def test_a_run_is_seen_live_and_canceled_and_its_job_paused(page: Page) -> None:
    make(page, "long work", "0 3 * * *", "slow", "Make job")
    expect(page.get_by_role("heading", level=1)).to_contain_text("waiting")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("#run .status").first).to_contain_text("running")
    run = page.url.partition("?")[0]
    page.goto("/")
    expect(page.locator("#running")).to_contain_text("long work")
    page.goto(run)
    page.get_by_role("button", name="Cancel run").click()
    expect(page.locator("#run .status").first).to_contain_text("incomplete canceled")
    page.get_by_role("link", name="long work").click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("paused")
    expect(page.locator("#coming")).to_contain_text("None while it is paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("waiting")


def test_what_runs_ask_is_answered_in_the_inbox_and_they_go_on(page: Page) -> None:
    make(page, "deploy", "0 3 * * *", "deployer", "Make it and run it now")
    expect(page.locator("#run .status").first).to_contain_text("awaiting input")
    run = page.url.partition("?")[0]
    page.get_by_role("link", name="Answer in the inbox").click()
    asks = page.locator("#asks section").filter(has_text="deploy")
    expect(asks).to_contain_text("Deploy to production?")
    asks.get_by_role("button", name="Approve").click()
    expect(page.locator("#asks")).to_contain_text("approved")
    page.goto(run)
    expect(page.locator("#answer")).to_contain_text("deployed")


def test_an_answer_is_chosen_by_one_press(page: Page) -> None:
    make(page, "choose", "0 3 * * *", "asker", "Make it and run it now")
    page.get_by_role("link", name="Answer in the inbox").click()
    page.locator("#asks section").filter(has_text="Which one?").get_by_role("button", name="left").click()
    page.get_by_role("link", name="choose").click()
    expect(page.locator("#answer")).to_contain_text("took left")


def test_who_was_told_is_seen_beside_the_run_and_what_was_given_up_is_sent_again(page: Page) -> None:
    page.goto("/jobs/new")
    page.get_by_label("Name", exact=True).fill("told")
    page.get_by_label("Schedule", exact=True).fill("0 3 * * *")
    page.get_by_label("Prompt").fill("Say hello")
    page.get_by_label("Agent", exact=True).select_option("echo")
    page.get_by_text("More: limits").click()
    page.get_by_label("notify", exact=True).fill("log: success\nhook: success")
    page.get_by_role("button", name="Make it and run it now").click()
    told = page.locator("#told")
    # An address of this machine is refused for good; nothing is reloaded to see it.
    expect(told.locator("li").filter(has_text="success to log")).to_contain_text("sent")
    refused = told.locator("li").filter(has_text="success to hook")
    expect(refused).to_contain_text("failed")
    refused.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("It is sent again")).to_be_visible()
    expect(refused).to_contain_text("failed")
    page.goto("/settings")
    expect(page.get_by_role("region", name="Endpoints")).to_contain_text("hook")


def test_what_is_being_written_stays_while_the_page_changes_around_it(page: Page, server: Server) -> None:
    make(page, "deploy twice", "0 3 * * *", "deployer", "Make it and run it now")
    page.get_by_role("link", name="Answer in the inbox").click()
    asks = page.locator("#asks section").filter(has_text="deploy twice")
    asks.get_by_label("Reason").press_sequentially("not on a Fri")
    with server.api() as api:
        other = api.post("/jobs", json={"name": "third", "every": "1d", "prompt": "x", "agent": "asker"}).json()["id"]
        api.post(f"/jobs/{other}/run")
    expect(page.locator("#asks section").filter(has_text="third")).to_be_visible()
    expect(asks.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("day")
    expect(asks.get_by_label("Reason")).to_have_value("not on a Friday")
    asks.get_by_role("button", name="Deny").click()
    expect(page.locator("#asks")).to_contain_text("not on a Friday")


def test_jobs_are_chosen_and_changed_together_by_keyboard_alone(page: Page) -> None:
    page.goto("/jobs")
    page.keyboard.press("Tab")
    expect(page.get_by_text("To the content")).to_be_focused()
    page.get_by_label("all on this page").focus()
    page.keyboard.press("Space")
    expect(page.locator("[data-chosen]")).to_contain_text("chosen")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#jobs .s-paused").first).to_be_visible()
    page.get_by_label("all on this page").check()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#jobs .s-paused")).to_have_count(0)


def test_a_page_is_true_again_after_it_was_hidden_and_after_a_restart(page: Page, server: Server) -> None:
    hide = "yes => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => yes}); \
        document.dispatchEvent(new Event('visibilitychange')) }"
    with server.api() as api:
        job = api.post("/jobs", json={"name": "true again", "every": "1d", "prompt": "x", "agent": "slow"}).json()["id"]
        page.goto(f"/jobs/{job}")
        expect(page.locator("#title .status")).to_contain_text("waiting")
        page.evaluate(hide, True)
        api.post(f"/jobs/{job}/pause")
        page.evaluate(hide, False)
        expect(page.locator("#title .status")).to_contain_text("paused")
    server.stop()
    expect(page.locator("#stale")).to_be_visible()
    server.start()
    with server.api() as api:
        api.post(f"/jobs/{job}/resume")
        expect(page.locator("#title .status")).to_contain_text("waiting")
    expect(page.locator("#stale")).to_be_hidden()


def test_a_page_that_once_took_very_long_to_read_is_soon_true_again(page: Page, server: Server) -> None:
    page.clock.install()
    with server.api() as api:
        job = api.post("/jobs", json={"name": "held up", "every": "1d", "prompt": "x", "agent": "slow"}).json()["id"]
        with page.expect_response(
            lambda answer: answer.url.endswith(job) and not answer.request.is_navigation_request()
        ):
            page.goto(f"/jobs/{job}")
        # It is read again, and the answer takes long: the machine slept meanwhile, or its disk stood still.
        held: list[Route] = []
        page.route(f"**/jobs/{job}", lambda route: held.append(route))
        with page.expect_request(f"**/jobs/{job}"):
            api.patch(f"/jobs/{job}", json={"prompt": "y"})
        page.clock.fast_forward(20_000)
        with page.expect_response(f"**/jobs/{job}"):
            held.pop().continue_()
        page.unroute(f"**/jobs/{job}")
        api.post(f"/jobs/{job}/pause")
        expect(page.locator("#title .status")).to_contain_text("paused")


def test_who_logs_out_is_out(page: Page, server: Server) -> None:
    page.goto("/")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_focused()
    page.goto("/jobs?sort=name")
    page.get_by_label("Token").fill(server.token)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/jobs?sort=name")
