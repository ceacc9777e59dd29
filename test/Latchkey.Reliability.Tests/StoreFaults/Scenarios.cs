using System.Net;
using System.Text;
using Latchkey.Storage;

namespace Latchkey.Reliability.Tests.StoreFaults;

/// <summary>One request of an endpoint and what must be true after it failed.</summary>
/// <param name="Act">Sends the request.</param>
/// <param name="AfterAsync">
/// Sends it again once the database is well; true if the first try may have been committed. Returns what is wrong, null if nothing is.
/// </param>
internal sealed record Attempt(Func<Task<HttpStatusCode>> Act, Func<bool, Task<string?>> AfterAsync);

/// <summary>Every endpoint that asks the database, with a request that is right in everything.</summary>
internal static class Scenarios
{
    private static readonly Dictionary<string, Func<InProcessServer, Task<Attempt>>> All = new(StringComparer.Ordinal)
    {
        ["POST /token client_credentials"] = server => ProgramAsync(server, DeclaredStates.Assertion, client => client.ClientCredentialsAsync("api:read")),
        ["POST /token authorization_code"] = CodeAsync,
        ["POST /token refresh_token"] = RefreshAsync,
        ["POST /token device_code, pending"] = PendingAsync,
        ["POST /token device_code, approved"] = ApprovedAsync,
        ["POST /device/code"] = server => ProgramAsync(server, DeclaredStates.Device, client => client.DeviceAsync("openid")),
        ["POST /introspect"] = IntrospectAsync,
        ["POST /revoke refresh token"] = server => RevokeAsync(server, tokens => tokens.RefreshToken!),
        ["POST /revoke access token"] = server => RevokeAsync(server, tokens => tokens.AccessToken),
        ["GET /userinfo"] = UserInfoAsync,
        ["GET /authorize"] = AuthorizeAsync,
        ["POST /login"] = SignInAsync,
        ["POST /consent"] = ConsentAsync,
        ["POST /select-account"] = SelectAccountAsync,
        ["GET /device"] = async server => await PageAsync(server, (await StartDeviceAsync(server))["verification_uri_complete"]!, stop => stop.Has("decision")),
        ["POST /device"] = DecideAsync,
        ["GET /account"] = server => PageAsync(server, "/account", IsAccount),
        ["POST /account, end a grant"] = EndGrantAsync,
        ["POST /logout"] = SignOutAsync,
    };

    public static IEnumerable<string> Names => All.Keys.Concat(ClientScenarios.All.Keys);

    public static Task<Attempt> PrepareAsync(string name, InProcessServer server) =>
        (All.TryGetValue(name, out var prepare) ? prepare : ClientScenarios.All[name])(server);

    /// <summary>Every row but those of the audit, to be compared.</summary>
    public static ValueTask<string> RowsAsync(Database database) => database.ReadAsync(async sql =>
    {
        var rows = new StringBuilder();
        if (database.Engine == "postgres")
        {
            const string Tables = "SELECT c.relname::text FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace AND c.relname <> 'audit' ORDER BY 1";
            foreach (var table in await sql.ListAsync(Tables, row => row.Text(0)))
                rows.AppendLine(table).AppendJoin('\n', await sql.ListAsync($"SELECT t::text FROM {table} t ORDER BY 1", row => row.Text(0)));
            return rows.ToString();
        }

        foreach (var table in await sql.ListAsync("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'audit' ORDER BY name", row => row.Text(0)))
        {
            var columns = await sql.ListAsync("SELECT name FROM pragma_table_info($1)", row => row.Text(0), table);
            var line = string.Join(" || '|' || ", columns.Select(column => $"quote({column})"));
            rows.AppendLine(table).AppendJoin('\n', await sql.ListAsync($"SELECT {line} FROM {table} ORDER BY 1", row => row.Text(0)));
        }

        return rows.ToString();
    });

    // What may simply be asked again.
    private static Task<Attempt> ProgramAsync(InProcessServer server, TestClient who, Func<OAuthClient, Task<Answer>> send)
    {
        var client = server.Client(who);
        return Task.FromResult(new Attempt(async () => (await send(client)).Status, async _ => Wrong(await send(client), HttpStatusCode.OK)));
    }

    private static async Task<Attempt> CodeAsync(InProcessServer server)
    {
        var client = server.Client(DeclaredStates.FirstParty);
        var request = client.Request("openid offline_access");
        var code = (await server.Browser().AuthorizeAsync(request.Url)).Answer.Code!;
        return new(async () => (await client.RedeemAsync(request, code)).Status, async committed =>
        {
            var again = await client.RedeemAsync(request, code);
            // Whether the first try was done can't be told from a thief's: the code is used up, and what it gave is over.
            if (committed) return again.Error == "invalid_grant" ? null : $"a code works twice: {again}";
            if (Wrong(again, HttpStatusCode.OK) is { } wrong) return wrong;
            return Wrong(await client.RefreshAsync(again["refresh_token"]!), HttpStatusCode.OK);
        });
    }

    private static async Task<Attempt> RefreshAsync(InProcessServer server)
    {
        var client = server.Client(DeclaredStates.FirstParty);
        var token = (await client.SignInAsync(server.Browser(), "openid offline_access")).RefreshToken!;
        string? first = null;
        return new(
            async () =>
            {
                var answer = await client.RefreshAsync(token);
                first = answer["refresh_token"];
                return answer.Status;
            },
            async _ =>
            {
                var again = await client.RefreshAsync(token);
                if (Wrong(again, HttpStatusCode.OK) is { } wrong) return wrong;
                var successor = again["refresh_token"]!;
                if (first is not null && first != successor) return "a retry got another successor";
                if (Wrong(await client.RefreshAsync(successor), HttpStatusCode.OK) is { } dead) return dead;
                // Both were used: now the old one is a replay.
                return Wrong(await client.RefreshAsync(token), HttpStatusCode.BadRequest);
            });
    }

    private static async Task<Attempt> PendingAsync(InProcessServer server)
    {
        var client = server.Client(DeclaredStates.Device);
        var started = await StartDeviceAsync(server);
        return new(async () => (await client.PollAsync(started["device_code"]!)).Status, async committed =>
        {
            var again = await client.PollAsync(started["device_code"]!);
            return again.Error == (committed ? "slow_down" : "authorization_pending") ? null : again.ToString();
        });
    }

    private static async Task<Attempt> ApprovedAsync(InProcessServer server)
    {
        var client = server.Client(DeclaredStates.Device);
        var started = await StartDeviceAsync(server);
        var page = await OpenAsync(server.Browser(), started["verification_uri_complete"]!);
        await page.Browser.SubmitAsync(page.Stop, ("decision", "allow"));
        return new(async () => (await client.PollAsync(started["device_code"]!)).Status, async committed =>
        {
            var again = await client.PollAsync(started["device_code"]!);
            if (committed) return again.Error == "invalid_grant" ? null : $"a device code works twice: {again}";
            return Wrong(again, HttpStatusCode.OK);
        });
    }

    private static async Task<Attempt> IntrospectAsync(InProcessServer server)
    {
        var token = (await server.Client(DeclaredStates.Machine).ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        var api = server.Client(DeclaredStates.ApiServer);
        return new(async () => (await api.IntrospectAsync(token)).Status, async _ => (await api.IntrospectAsync(token))["active"] == "true" ? null : "a token is not active");
    }

    private static async Task<Attempt> RevokeAsync(InProcessServer server, Func<Tokens, string> which)
    {
        var client = server.Client(DeclaredStates.FirstParty);
        var tokens = await client.SignInAsync(server.Browser(), "openid offline_access");
        return new(async () => (await client.RevokeAsync(which(tokens))).Status, async _ =>
        {
            if (Wrong(await client.RevokeAsync(which(tokens)), HttpStatusCode.OK) is { } wrong) return wrong;
            return Wrong(await client.UserInfoAsync(tokens.AccessToken), HttpStatusCode.Unauthorized);
        });
    }

    private static async Task<Attempt> UserInfoAsync(InProcessServer server)
    {
        var client = server.Client(DeclaredStates.FirstParty);
        var tokens = await client.SignInAsync(server.Browser(), "openid");
        return new(async () => (await client.UserInfoAsync(tokens.AccessToken)).Status, async _ => Wrong(await client.UserInfoAsync(tokens.AccessToken), HttpStatusCode.OK));
    }

    private static async Task<Attempt> AuthorizeAsync(InProcessServer server)
    {
        var browser = server.Browser();
        var client = server.Client(DeclaredStates.FirstParty);
        await client.SignInAsync(browser, "openid");
        var request = client.Request("openid");
        return new(async () => (await browser.GetAsync(request.Url)).Status, async _ => (await browser.GetAsync(request.Url)).Answer.Code is null ? "no code" : null);
    }

    private static async Task<Attempt> SignInAsync(InProcessServer server)
    {
        var browser = server.Browser();
        var request = server.Client(DeclaredStates.FirstParty).Request("openid");
        var page = await browser.GetAsync(request.Url);
        return new(async () => (await browser.SignInAsync(page)).Status, async _ => (await browser.SignInAsync(page)).Answer.Code is null ? "no code" : null);
    }

    private static async Task<Attempt> ConsentAsync(InProcessServer server)
    {
        var browser = server.Browser();
        var request = server.Client(DeclaredStates.Native).Request("openid");
        var page = await browser.SignInAsync(await browser.GetAsync(request.Url));
        return new(
            async () => (await browser.SubmitAsync(page, ("decision", "allow"))).Status,
            async _ => (await browser.SubmitAsync(page, ("decision", "allow"))).Answer.Code is null ? "no code" : null);
    }

    private static async Task<Attempt> SelectAccountAsync(InProcessServer server)
    {
        var browser = server.Browser();
        var client = server.Client(DeclaredStates.FirstParty);
        await client.SignInAsync(browser, "openid");
        var page = await browser.GetAsync(client.Request("openid", ("prompt", "select_account")).Url);
        return new(
            async () => (await browser.SubmitAsync(page, ("account", "continue"))).Status,
            async _ => (await browser.SubmitAsync(page, ("account", "continue"))).Answer.Code is null ? "no code" : null);
    }

    private static async Task<Attempt> DecideAsync(InProcessServer server)
    {
        var client = server.Client(DeclaredStates.Device);
        var started = await StartDeviceAsync(server);
        var (browser, page) = await OpenAsync(server.Browser(), started["verification_uri_complete"]!);
        return new(async () => (await browser.SubmitAsync(page, ("decision", "allow"))).Status, async _ =>
        {
            await browser.SubmitAsync(page, ("decision", "allow"));
            return Wrong(await client.PollAsync(started["device_code"]!), HttpStatusCode.OK);
        });
    }

    private static async Task<Attempt> EndGrantAsync(InProcessServer server)
    {
        var client = server.Client(DeclaredStates.FirstParty);
        var browser = server.Browser();
        var tokens = await client.SignInAsync(browser, "openid offline_access");
        var page = await browser.GetAsync("/account");
        var revoke = DeclaredStates.FirstParty.Id;
        var form = (AngleSharp.Html.Dom.IHtmlFormElement)page.Document!.QuerySelector($"form:has(button[name=revoke][value={revoke}])")!;
        return new(async () => (await browser.SubmitAsync(page, form, ("revoke", revoke))).Status, async _ =>
        {
            await browser.SubmitAsync(page, form, ("revoke", revoke));
            return Wrong(await client.UserInfoAsync(tokens.AccessToken), HttpStatusCode.Unauthorized);
        });
    }

    private static async Task<Attempt> SignOutAsync(InProcessServer server)
    {
        var browser = server.Browser();
        await server.Client(DeclaredStates.FirstParty).SignInAsync(browser, "openid");
        var page = await browser.GetAsync("/logout");
        return new(async () => (await browser.SubmitAsync(page, ("decision", "logout"))).Status, async _ =>
        {
            await browser.SubmitAsync(page, ("decision", "logout"));
            return IsAccount(await browser.GetAsync("/account")) ? "still signed in" : null;
        });
    }

    private static async Task<Attempt> PageAsync(InProcessServer server, string url, Func<Stop, bool> isRight)
    {
        var browser = server.Browser();
        await server.Client(DeclaredStates.FirstParty).SignInAsync(browser, "openid");
        return new(async () => (await browser.GetAsync(url)).Status, async _ => await browser.GetAsync(url) is var stop && isRight(stop) ? null : stop.ToString());
    }

    private static async Task<Answer> StartDeviceAsync(InProcessServer server) =>
        (await server.Client(DeclaredStates.Device).DeviceAsync("openid")).Expect(HttpStatusCode.OK);

    private static async Task<(PageWalker Browser, Stop Stop)> OpenAsync(PageWalker browser, string url)
    {
        var stop = await browser.GetAsync(url);
        return (browser, stop.Has("password") ? await browser.SignInAsync(stop) : stop);
    }

    // Its forms are several, and what waits for the person comes first.
    private static bool IsAccount(Stop stop) => stop.Document?.QuerySelector("input[name=current_password]") is not null;

    private static string? Wrong(Answer answer, HttpStatusCode expected) => answer.Status == expected ? null : answer.ToString();
}
