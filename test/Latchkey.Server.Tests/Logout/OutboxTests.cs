using System.Text.Json.Nodes;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Logout;

/// <summary>What waits to be sent outlives the process.</summary>
public sealed class OutboxTests
{
    private static readonly TestClient One = new("one", null, TestClient.None, "https://one.example.com/callback");
    private static readonly TestClient Two = new("two", null, TestClient.None, "https://two.example.com/callback");
    private static readonly TestClient Three = new("three", null, TestClient.None, "https://three.example.com/callback");

    [Fact, Spec("OIDC Back-Channel Logout", "2.5")]
    public async Task Nobody_of_the_session_is_forgotten_when_the_power_goes()
    {
        var port = LoopbackPorts.Next();
        await using var server = await LatchkeyProcess.StartAsync(State(port));
        using var alice = new PageWalker(server.Issuer);
        string? hint = null;
        foreach (var app in new[] { One, Two, Three })
        {
            using var client = new OAuthClient(server.Issuer, app);
            hint = (await client.SignInAsync(alice, "openid")).IdToken;
        }

        // Nobody listens there. The person is signed out all the same; then the power goes.
        (await alice.LogoutAsync(server.Issuer, ("id_token_hint", hint))).ExpectSignedOutPage();
        await server.KillAsync();
        using (var database = new TestDatabase(server)) Assert.Equal(3, database.Number("SELECT count(*) FROM outbox"));

        await using var receiver = await LogoutReceiver.StartAsync(port);
        await server.StartAsync();
        var sid = Jwt.Claims(hint!).GetProperty("sid").GetString();
        foreach (var app in new[] { One, Two, Three })
        {
            var call = (await receiver.WaitAsync(app.Id, seconds: 40))[0];
            Assert.Equal(sid, (await Jwt.VerifyAsync(call.Token, server.Issuer, app.Id, "logout+jwt")).GetProperty("sid").GetString());
        }

        await Eventually.HoldsAsync("an empty outbox", () => Waiting(server) == 0);
        Assert.Equal(3, receiver.Calls.Count);
        Assert.Equal(3, AuditRow.Read(server, "backchannel_logout.delivered").Count);
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.5")]
    public async Task What_was_on_its_way_when_the_power_went_is_sent_again()
    {
        await using var receiver = await LogoutReceiver.StartAsync();
        var hold = new TaskCompletionSource();
        receiver.Answers[One.Id] = _ => hold.Task;
        await using var server = await LatchkeyProcess.StartAsync(State(receiver.Port));
        using var alice = new PageWalker(server.Issuer);
        using var client = new OAuthClient(server.Issuer, One);
        var hint = (await client.SignInAsync(alice, "openid")).IdToken;
        var leaving = alice.LogoutAsync(server.Issuer, ("id_token_hint", hint));
        await receiver.WaitAsync(One.Id);
        await server.KillAsync();
        await Assert.ThrowsAnyAsync<HttpRequestException>(async () =>
        {
            await leaving;
            throw new HttpRequestException("The answer came before the power went.");
        });
        receiver.Answers.Clear();
        hold.SetResult();

        // It is leased, not gone; the lease would run out by itself.
        using (var database = new TestDatabase(server)) Assert.Equal(1, database.Run("UPDATE outbox SET next_attempt_at = 0"));
        await server.StartAsync();
        await receiver.WaitAsync(One.Id, 2, seconds: 40);
        await Eventually.HoldsAsync("an empty outbox", () => Waiting(server) == 0);
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.5")]
    public async Task A_client_that_is_away_is_tried_later_and_later_for_a_day()
    {
        await using var receiver = await LogoutReceiver.StartAsync();
        receiver.Answers[One.Id] = context =>
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return Task.CompletedTask;
        };
        await using var server = await InProcessServer.StartAsync(State(receiver.Port));
        var database = server.Services.GetRequiredService<Database>();
        using var alice = server.Browser();
        using var client = server.Client(One);
        var tokens = await client.SignInAsync(alice, "openid");
        var leaving = alice.LogoutAsync(server.Issuer, ("id_token_hint", tokens.IdToken));

        List<double> pauses = [];
        for (var tries = 1; tries <= 5; tries++)
        {
            var until = 0L;
            await Eventually.HoldsAsync($"try {tries}", async () =>
            {
                var rows = await database.ReadAsync(sql => sql.ListAsync("SELECT attempts, next_attempt_at FROM outbox", row => (row.Long(0), row.Long(1))));
                if (rows.Count == 0) return false;
                var (attempts, next) = Assert.Single(rows);
                if (attempts == tries) until = next;
                else server.Clock.Advance(TimeSpan.FromMilliseconds(200));
                return attempts == tries;
            }, seconds: 60);
            pauses.Add(Math.Round((until - server.Clock.GetUtcNow().ToUnixTimeMilliseconds()) / 1000.0));
            if (tries == 5) break;
            server.Clock.Advance(TimeSpan.FromMilliseconds(Math.Max(0, until - server.Clock.GetUtcNow().ToUnixTimeMilliseconds())));
        }

        await leaving;
        Assert.Equal(pauses.Order(), pauses);
        Assert.InRange(pauses[^1], 200, 300);
        Assert.Single(await AuditAsync(database, AuditEvents.LogoutFailed));

        // After a day it is given up, and that is said.
        await database.WriteAsync(sql => sql.ExecuteAsync("UPDATE outbox SET created_at = created_at - 86400000, next_attempt_at = 0"));
        await Eventually.HoldsAsync("the end of it", async () =>
        {
            server.Clock.Advance(TimeSpan.FromMilliseconds(200));
            return await database.ReadAsync(Outbox.CountAsync) == 0;
        }, seconds: 60);
        var failures = await AuditAsync(database, AuditEvents.LogoutFailed);
        Assert.Equal(2, failures.Count);
        Assert.DoesNotContain("next_try_at", failures[1].Detail, StringComparison.Ordinal);
        Assert.Equal(6, receiver.Calls.Count);
    }

    private static async Task<List<AuditEvent>> AuditAsync(Database database, string name) =>
        await database.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(Event: name), 100));

    private static long Waiting(LatchkeyProcess server)
    {
        using var database = new TestDatabase(server);
        return database.Number("SELECT count(*) FROM outbox");
    }

    private static JsonObject State(int port)
    {
        var state = DeclaredStates.Standard();
        foreach (var app in new[] { One, Two, Three })
        {
            state.Add(app, client =>
            {
                client["skip_consent"] = true;
                client["backchannel_logout_uri"] = LogoutReceiver.UrlAt(port, app.Id);
            });
        }

        return state;
    }
}
