using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using Latchkey.Client.Authorization;
using Latchkey.ResourceServer;
using Latchkey.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Latchkey.Client.AspNetCore.Tests.SignIn;

/// <summary>
/// Step-up from end to end (RFC 9470): the guard asks for a fresher or stronger sign-in, the app sends the person to the server with what the guard asked
/// for, the server asks for the password again, and the new token opens the API.
/// </summary>
public sealed class StepUpTests
{
    [Fact, Spec("RFC 9470", "3"), Spec("RFC 9470", "4"), Spec("RFC 9470", "5"), Spec("RFC 9470", "6.1"), Spec("OIDC Core", "3.1.2.1")]
    public async Task A_sign_in_that_is_too_old_for_an_API_is_made_anew_and_opens_it()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var api = await ApiAsync(authority);
        await using var app = await AppAsync(authority, api);
        var alice = await app.SignInAsync(authority);
        Assert.Equal(HttpStatusCode.OK, (await alice.FollowAsync(app.Site, "/transfer")).Status);
        var first = authority.Clock.GetUtcNow().ToUnixTimeSeconds();

        authority.Advance(TimeSpan.FromMinutes(10));
        var stop = await alice.FollowAsync(app.Site, "/transfer");
        Assert.Equal(("/transfer", HttpStatusCode.OK), (stop.Url.AbsolutePath, stop.Status));
        // The API saw the new sign-in, and what it reached.
        Assert.Equal($"{authority.Clock.GetUtcNow().ToUnixTimeSeconds()} 1", stop.Body);
        Assert.NotEqual(first, authority.Clock.GetUtcNow().ToUnixTimeSeconds());
        var request = authority.Requests.PushedAuthorization[^1];
        Assert.Equal(("60", "1"), (request["max_age"], request["acr_values"]));
        // She was asked for her password, although she was signed in.
        Assert.Equal(2, authority.Requests.To("/login").Count(page => page.Method == "POST"));
        // It holds for as long as the API said, and not a renewal longer: a renewed token tells of the same sign-in.
        authority.Advance(TimeSpan.FromSeconds(30));
        Assert.Equal(stop.Body, (await alice.FollowAsync(app.Site, "/transfer")).Body);
        Assert.Equal(2, authority.Requests.To("/login").Count(page => page.Method == "POST"));
    }

    [Fact, Spec("RFC 9470", "5"), Spec("OIDC Core", "5.5.1.1")]
    public async Task What_no_sign_in_here_reaches_is_told_and_not_asked_for_in_circles()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var api = await ApiAsync(authority);
        await using var app = await AppAsync(authority, api);
        var alice = await app.SignInAsync(authority);
        // Wished for by acr_values: the person is let in as far as it goes, and the app gives up after one try.
        Assert.Equal(HttpStatusCode.Forbidden, (await alice.FollowAsync(app.Site, "/vault")).Status);
        Assert.Equal("phr", authority.Requests.PushedAuthorization[^1]["acr_values"]);
        // Asked for as essential: the server says that it can't be had, before anybody types a password.
        var passwords = authority.Requests.To("/login").Count;
        var stop = await alice.FollowAsync(app.Site, "/vault?essential=1");
        Assert.Contains("unmet_authentication_requirements", stop.Body, StringComparison.Ordinal);
        Assert.Equal(passwords, authority.Requests.To("/login").Count);
    }

    private static async Task<WebApplication> ApiAsync(TestAuthority authority)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseTestServer(server => server.BaseAddress = new Uri(Ready.Api));
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<TimeProvider>(authority.Clock);
        builder.Services.AddAuthentication().AddLatchkeyResourceServer(options =>
        {
            options.Issuer = authority.Issuer;
            options.Resource = Ready.Api;
            options.BackchannelHttpHandler = authority.CreateHandler();
        });
        builder.Services.AddAuthorization();
        var api = builder.Build();
        api.MapGet("/transfer", (HttpContext context) => $"{context.User.FindFirstValue("auth_time")} {context.User.FindFirstValue("acr")}").RequireRecentLogin(TimeSpan.FromSeconds(60)).RequireAcr("1");
        api.MapGet("/vault", () => "gold").RequireAcr("phr");
        await api.StartAsync();
        return api;
    }

    private static Task<WebApp> AppAsync(TestAuthority authority, WebApplication api) => WebApp.StartAsync(
        authority,
        services: services => services.AddHttpClient("api", http => http.BaseAddress = new Uri(Ready.Api)).AddUserToken("app").ConfigurePrimaryHttpMessageHandler(() => api.GetTestServer().CreateHandler()),
        map: app =>
        {
            app.MapGet("/transfer", (HttpContext context, IHttpClientFactory clients) => CallAsync(context, clients, "/transfer")).RequireAuthorization();
            app.MapGet("/vault", (HttpContext context, IHttpClientFactory clients) => CallAsync(context, clients, "/vault")).RequireAuthorization();
        });

    // What an app does: once with what it has, and once more after the sign-in that the API asks for.
    private static async Task<IResult> CallAsync(HttpContext context, IHttpClientFactory clients, string path)
    {
        using var answer = await clients.CreateClient("api").GetAsync(path);
        if (answer.IsSuccessStatusCode) return Results.Text(await answer.Content.ReadAsStringAsync());
        if (Wanted(answer.Headers.WwwAuthenticate) is not { } ask) return Results.StatusCode((int)answer.StatusCode);
        if (context.Request.Query.ContainsKey("again")) return Results.StatusCode(StatusCodes.Status403Forbidden);
        if (context.Request.Query.ContainsKey("essential"))
            ask = ask with { AcrValues = null, Claims = """{"id_token":{"acr":{"essential":true,"values":["VALUE"]}}}""".Replace("VALUE", ask.AcrValues, StringComparison.Ordinal) };
        return Results.Challenge(new LatchkeyChallenge { Ask = ask, RedirectUri = path + "?again=1" });
    }

    private static AuthorizationParameters? Wanted(HttpHeaderValueCollection<AuthenticationHeaderValue> challenges)
    {
        foreach (var challenge in challenges.Where(challenge => challenge.Parameter?.Contains("insufficient_user_authentication", StringComparison.Ordinal) == true))
        {
            var members = challenge.Parameter!.Split(", ").Select(member => member.Split('=', 2)).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1].Trim('"'));
            return new AuthorizationParameters
            {
                MaxAge = members.TryGetValue("max_age", out var age) ? int.Parse(age, System.Globalization.CultureInfo.InvariantCulture) : null,
                AcrValues = members.GetValueOrDefault("acr_values"),
            };
        }

        return null;
    }
}
