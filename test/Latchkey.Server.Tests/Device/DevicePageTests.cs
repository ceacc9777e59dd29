using System.Net;

namespace Latchkey.Server.Tests.Device;

/// <summary>The page where a person decides (RFC 8628 section 3.3) and what it does against those who send people there (RFC 10027).</summary>
public sealed class DevicePageTests(PeopleServer server)
{
    private static readonly TestClient Device = DeclaredStates.Device;

    [Fact, Spec("RFC 8628", "3.3"), Spec("RFC 8628", "3.4"), Spec("RFC 8628", "3.5")]
    public async Task A_person_types_the_code_signs_in_compares_and_allows()
    {
        using var client = server.Client(Device);
        using var alice = server.Browser();
        var started = await client.StartAsync();
        (await client.PollAsync(started.DeviceCode)).ExpectError("authorization_pending");

        var field = await alice.GetAsync(server.Issuer + "/device");
        Assert.True(field.Has("user_code"), field.ToString());
        var login = await alice.SubmitAsync(field, ("user_code", started.UserCode));
        Assert.True(login.Has("username") && login.Has("password"), login.ToString());
        var question = await alice.SignInAsync(login);
        Assert.True(question.Has("decision", "allow") && question.Has("decision", "deny"), question.ToString());
        var done = await alice.SubmitAsync(question, ("decision", "allow"));
        Assert.Equal("Device connected", done.Title.Split([":", "·", "—", "|"], StringSplitOptions.None)[0].Trim());

        var tokens = (await client.PollAsync(started.DeviceCode)).Expect(HttpStatusCode.OK);
        Assert.Equal("openid profile api:read", tokens["scope"]);
        Assert.Equal("Alice Example", (await client.UserInfoAsync(tokens["access_token"]!)).Expect(HttpStatusCode.OK)["name"]);
        var claims = await Jwt.VerifyAsync(tokens["access_token"]!, server.Issuer, DeclaredStates.Api, "at+jwt");
        Assert.Equal(Device.Id, claims.GetProperty("client_id").GetString());
        await Jwt.VerifyAsync(tokens["id_token"]!, server.Issuer, Device.Id, "JWT");
    }

    [Theory, Spec("RFC 8628", "6.1")]
    [InlineData("lower")]
    [InlineData("without dash")]
    [InlineData("spaces")]
    [InlineData("en dash")]
    public async Task What_people_type_is_read_kindly(string how)
    {
        using var client = server.Client(Device);
        using var alice = server.Browser();
        var code = (await client.StartAsync("openid")).UserCode;
        var typed = how switch
        {
            "lower" => code.ToLowerInvariant(),
            "without dash" => code.Replace("-", "", StringComparison.Ordinal),
            "spaces" => $"  {string.Join(' ', code.ToCharArray())} ",
            _ => code.Replace('-', '–'),
        };
        var login = await alice.SubmitAsync(await alice.GetAsync(server.Issuer + "/device"), ("user_code", typed));
        Assert.True(login.Has("password"), login.ToString());
    }

    [Fact, Spec("RFC 8628", "3.3.1"), Spec("RFC 10027", "6.1"), Check("A42")]
    public async Task A_link_never_decides_and_still_shows_the_code_to_compare()
    {
        using var client = server.Client(Device);
        using var alice = server.Browser();
        var started = await client.StartAsync();
        var question = await alice.OpenAsync(started);
        Assert.Contains(started.UserCode, question.Document!.Body!.TextContent, StringComparison.Ordinal);
        (await client.PollAsync(started.DeviceCode)).ExpectError("authorization_pending");

        // Whatever the link adds, it only asks.
        var pushed = await alice.GetAsync($"{started.Complete}&decision=allow&request=x&__token=x");
        Assert.True(pushed.Has("decision", "allow"), pushed.ToString());
        var rows = server.Audit("device.approved").Where(row => row.Detail?.Contains(started.UserCode, StringComparison.Ordinal) == true);
        Assert.Empty(rows);
        using var watcher = server.Browser();
        Assert.True((await watcher.GetAsync(started.Complete)).Has("password"));
    }

    [Fact, Spec("RFC 8628", "5.4"), Spec("RFC 10027", "6.1"), Check("A42")]
    public async Task The_question_says_who_asks_from_where_since_when_and_for_what_and_warns()
    {
        using var client = server.Client(Device);
        using var alice = server.Browser();
        var request = new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/device/code")
        {
            Content = new FormUrlEncodedContent([new("client_id", Device.Id), new("scope", "openid api:read")]),
        };
        request.Headers.TryAddWithoutValidation("User-Agent", "terminal/1.0 <b>bold</b>");
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", "203.0.113.77");
        var started = (await client.SendAsync(request)).Expect(HttpStatusCode.OK);
        var page = await alice.OpenAsync(new(started["device_code"]!, started["user_code"]!, started["verification_uri_complete"]!));

        var text = page.Document!.Body!.TextContent;
        Assert.All(
            ["Demo terminal", Device.Id, "203.0.113.77", "terminal/1.0 <b>bold</b>", "alice@example.com", "Example API", "Read your data", started["user_code"]!,
                "Is this your device?", "Only go on if you started this yourself", "If someone sent you the code or a link"],
            shown => Assert.Contains(shown, text, StringComparison.Ordinal));
        Assert.Empty(page.Document.QuerySelectorAll("main b, b b"));
        Assert.NotEmpty(page.Document.QuerySelectorAll("time[datetime]"));

        // Saying no is as easy as saying yes: the same form, the same look.
        var buttons = page.Form!.QuerySelectorAll("button[name=decision]");
        Assert.Equal(["allow", "deny"], buttons.Select(button => button.GetAttribute("value")));
        Assert.Single(buttons.Select(button => button.ClassName).Distinct());
    }

    [Fact, Spec("RFC 8628", "5.4"), Spec("RFC 8628", "3.3"), Check("A42")]
    public async Task Who_denies_ends_the_request()
    {
        using var client = server.Client(Device);
        using var alice = server.Browser();
        var started = await client.StartAsync("openid");
        var question = await alice.OpenAsync(started);
        var done = await alice.SubmitAsync(question, ("decision", "deny"));
        Assert.Contains("not connected", done.Text, StringComparison.Ordinal);
        (await client.PollAsync(started.DeviceCode)).ExpectError("access_denied");

        // A no stays a no.
        var again = await alice.SubmitAsync(question, ("decision", "allow"));
        Assert.Contains("That code does not work", again.Text, StringComparison.Ordinal);
        (await client.PollAsync(started.DeviceCode)).ExpectError("access_denied");
    }

    [Theory, Spec("RFC 8628", "3.3"), Spec("OAuth 2.1", "7.11"), Check("A42")]
    [InlineData("no antiforgery token")]
    [InlineData("another browser's antiforgery token")]
    [InlineData("no sealed question")]
    [InlineData("another code's question")]
    [InlineData("another person's question")]
    [InlineData("a word that is no decision")]
    public async Task Only_the_page_that_asked_this_person_can_answer(string what)
    {
        using var client = server.Client(Device);
        using var alice = server.Browser();
        using var bob = server.Browser(DeclaredStates.Bob);
        var started = await client.StartAsync("openid");
        var question = await alice.OpenAsync(started);
        var other = await client.StartAsync("openid");
        var bobs = await bob.OpenAsync(other);
        string Hidden(Stop page, string name) => page.Form!.QuerySelector($"input[name={name}]")!.GetAttribute("value")!;

        var fields = new Dictionary<string, string>
        {
            ["__token"] = Hidden(question, "__token"),
            ["request"] = Hidden(question, "request"),
            ["user_code"] = started.UserCode,
            ["decision"] = "allow",
        };
        switch (what)
        {
            case "no antiforgery token": fields.Remove("__token"); break;
            case "another browser's antiforgery token": fields["__token"] = Hidden(bobs, "__token"); break;
            case "no sealed question": fields.Remove("request"); break;
            case "another code's question": fields["request"] = Hidden(bobs, "request"); break;
            case "another person's question": fields["request"] = Hidden(bobs, "request"); break;
            default: fields["decision"] = "perhaps"; break;
        }

        var stop = await alice.PostAsync(server.Issuer + "/device", fields.Select(field => (field.Key, field.Value)));
        Assert.DoesNotContain("Your device is connected", stop.Text, StringComparison.Ordinal);
        (await client.PollAsync(started.DeviceCode)).ExpectError("authorization_pending");
        (await client.PollAsync(other.DeviceCode)).ExpectError("authorization_pending");
    }

    [Fact, Spec("RFC 8628", "5.1"), Check("A42")]
    public async Task Guessing_codes_is_slowed_down_by_address_and_right_codes_cost_nothing()
    {
        using var client = server.Client(Device);
        using var guesser = server.Browser();
        using var person = server.Browser();
        var started = await client.StartAsync("openid");
        for (var time = 0; time < 15; time++) Assert.Equal(HttpStatusCode.OK, (await person.GetAsync(started.Complete)).Status);

        var statuses = new List<HttpStatusCode>();
        Stop? last = null;
        for (var guess = 0; guess < 15; guess++) statuses.Add((last = await guesser.GetAsync(server.Issuer + "/device?user_code=BCDFBCDF")).Status);
        Assert.All(statuses.Take(10), status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.Equal(HttpStatusCode.TooManyRequests, statuses[^1]);
        Assert.True(last!.Response!.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Contains("Too many attempts", last.Text, StringComparison.Ordinal);

        // The right code is no way round it, and elsewhere nobody is kept out.
        Assert.Equal(HttpStatusCode.TooManyRequests, (await guesser.GetAsync(started.Complete)).Status);
        Assert.Equal(HttpStatusCode.OK, (await person.GetAsync(started.Complete)).Status);
    }

    [Fact, Spec("RFC 8628", "5.1"), Spec("RFC 8628", "3.3")]
    public async Task A_code_that_is_unknown_or_decided_looks_the_same()
    {
        using var client = server.Client(Device);
        using var alice = server.Browser();
        var used = await client.StartAsync("openid");
        await alice.DecideAsync(used);
        var decided = await alice.GetAsync(used.Complete);
        var unknown = await alice.GetAsync(server.Issuer + "/device?user_code=BCDF-BCDF");
        Assert.Contains("That code does not work", decided.Text, StringComparison.Ordinal);
        Assert.Equal(
            decided.Document!.QuerySelector(".message")!.TextContent.Trim(), unknown.Document!.QuerySelector(".message")!.TextContent.Trim());
    }

    [Theory, InlineData("allow", "device.approved"), InlineData("deny", "device.denied"), Spec("RFC 10027", "6.1")]
    public async Task The_decision_is_audited(string decision, string name)
    {
        using var client = server.Client(Device);
        var person = server.NewPerson();
        using var browser = server.Browser(person);
        await browser.DecideAsync(await client.StartAsync("openid"), decision);
        var subject = server.Audit("sign_in").Last(row => row.Address == browser.Headers["X-Forwarded-For"]).Subject;
        var row = Assert.Single(server.Audit(name, subject));
        Assert.Equal((subject, Device.Id, browser.Headers["X-Forwarded-For"]), (row.Actor, row.ClientId, row.Address));
        Assert.Equal(16, row.RequestId!.Length);
    }
}
