using System.Net;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>The database can't be written to, or is gone: what needs it says so and when to come back, the rest goes on.</summary>
public sealed class DatabaseAwayTests
{
    [Fact, Spec("RFC 9110", "10.2.3"), Spec("RFC 6749", "4.1.2.1")]
    public async Task While_nothing_can_be_written_what_only_reads_goes_on()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        using var device = new OAuthClient(server.Issuer, DeclaredStates.Device);
        using var alice = new PageWalker(server.Issuer);
        using var bob = new PageWalker(server.Issuer, DeclaredStates.Bob);
        var tokens = await web.SignInAsync(alice, "openid profile");
        var login = await bob.GetAsync(server.Issuer + "/login");
        (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);

        using (var other = new TestDatabase(server))
        {
            other.Run("BEGIN IMMEDIATE");
            var waiting = new[] { web.RefreshAsync(tokens.RefreshToken!), device.DeviceAsync("openid") };
            var page = bob.SignInAsync(login);

            // Meanwhile:
            (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
            foreach (var path in new[] { "/.well-known/openid-configuration", "/.well-known/jwks.json", "/healthz/live", "/healthz/ready" })
                (await web.GetAsync(path)).Expect(HttpStatusCode.OK);
            (await web.UserInfoAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK);
            Assert.Equal("true", (await web.IntrospectAsync(tokens.AccessToken)).Expect(HttpStatusCode.OK)["active"]);

            foreach (var answer in await Task.WhenAll(waiting))
            {
                answer.ExpectError("temporarily_unavailable", HttpStatusCode.ServiceUnavailable);
                Assert.True(int.Parse(answer.Header("Retry-After")!, System.Globalization.CultureInfo.InvariantCulture) > 0);
                Assert.Equal("no-store", answer.Header("Cache-Control"));
                Assert.DoesNotContain(server.DataFolder, answer.Body, StringComparison.Ordinal);
            }

            var stop = await page;
            Assert.Equal(HttpStatusCode.ServiceUnavailable, stop.Status);
            Assert.True(stop.Response!.Headers.RetryAfter!.Delta > TimeSpan.Zero);
            Assert.Contains("Not available at the moment", stop.Text, StringComparison.Ordinal);
            Assert.Equal("DENY", Assert.Single(stop.Response.Headers.GetValues("X-Frame-Options")));
            other.Run("ROLLBACK");
        }

        // Nothing was used up: the very same refresh token is good.
        (await web.RefreshAsync(tokens.RefreshToken!)).Expect(HttpStatusCode.OK);
        Assert.Equal(server.Issuer + "/account", (await bob.SignInAsync(login)).Url.ToString());
        Assert.Contains("locked by another process", server.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_file_that_was_taken_away_makes_the_server_not_ready()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        var file = Path.Combine(server.DataFolder, "latchkey.db");
        File.Move(file, file + ".away");
        var answer = (await machine.GetAsync("/healthz/ready")).Expect(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("unavailable", answer["status"]);
        (await machine.GetAsync("/healthz/live")).Expect(HttpStatusCode.OK);
        (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        File.Move(file + ".away", file);
        (await machine.GetAsync("/healthz/ready")).Expect(HttpStatusCode.OK);
    }
}
