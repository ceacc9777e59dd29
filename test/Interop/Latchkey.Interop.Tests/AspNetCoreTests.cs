using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace Latchkey.Interop.Tests;

/// <summary>ASP.NET Core's own handlers against the real process: OpenIdConnect as the app, JwtBearer as the API.</summary>
public sealed class AspNetCoreTests(InteropServer server)
{
    [Fact, Spec("OIDC Core", "3.1"), Spec("OIDC RP-Initiated Logout", "2")]
    public async Task An_app_signs_in_and_out()
    {
        await using var app = await StartAppAsync();
        using var alice = new AppBrowser(server.Issuer);

        var user = await alice.GetJsonAsync(app.Urls.First() + "/me");
        Assert.Equal("Alice Example", user.GetProperty("name").GetString());
        Assert.Equal("alice@example.com", user.GetProperty("email").GetString());
        Assert.NotEmpty(user.GetProperty("refresh_token").GetString()!);

        // Sign-out goes to the server with id_token_hint, state and parameters the server does not know, and comes back.
        var (status, text) = await alice.GetAsync(app.Urls.First() + "/out");
        Assert.True(status == HttpStatusCode.OK, text);
        Assert.Equal("/gone", alice.Url!.AbsolutePath);
    }

    [Fact, Spec("RFC 9068", "4"), Spec("RFC 6750", "3")]
    public async Task An_API_takes_its_own_tokens_only()
    {
        await using var api = await StartApiAsync();
        using var http = new HttpClient { BaseAddress = new Uri(api.Urls.First()) };
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);

        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync(new Uri("/read", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);
        var good = (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        var other = (await machine.ClientCredentialsAsync("files:read")).Expect(HttpStatusCode.OK)["access_token"]!;
        using var web = new OAuthClient(server.Issuer, DeclaredStates.Web);
        var idToken = (await web.SignInAsync()).IdToken!;

        async Task<HttpStatusCode> CallAsync(string token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/read");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            return (await http.SendAsync(request, TestContext.Current.CancellationToken)).StatusCode;
        }

        Assert.Equal(HttpStatusCode.OK, await CallAsync(good));
        Assert.Equal(HttpStatusCode.Unauthorized, await CallAsync(other));
        Assert.Equal(HttpStatusCode.Unauthorized, await CallAsync(idToken));
    }

    private async Task<WebApplication> StartAppAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls($"http://127.0.0.1:{server.AspNetPort.ToString(CultureInfo.InvariantCulture)}");
        builder.Logging.ClearProviders();
        builder.Services.AddAuthentication(options =>
        {
            options.DefaultScheme = CookieAuthenticationDefaults.AuthenticationScheme;
            options.DefaultChallengeScheme = OpenIdConnectDefaults.AuthenticationScheme;
        })
            .AddCookie(options =>
            {
                options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
                options.Cookie.SameSite = SameSiteMode.Lax;
            })
            .AddOpenIdConnect(options =>
            {
                options.Authority = server.Issuer;
                options.RequireHttpsMetadata = false;
                options.ClientId = server.AspNet.Id;
                options.ClientSecret = server.AspNet.Secret;
                options.ResponseType = OpenIdConnectResponseType.Code;
                options.ResponseMode = OpenIdConnectResponseMode.Query;
                options.Scope.Add("email");
                options.SaveTokens = true;
                options.MapInboundClaims = false;
                options.GetClaimsFromUserInfoEndpoint = true;
                options.ClaimActions.MapUniqueJsonKey("name", "name");
                options.ClaimActions.MapUniqueJsonKey("email", "email");
                options.TokenValidationParameters.NameClaimType = "sub";
                options.SignedOutRedirectUri = "/gone";
                options.CorrelationCookie.SameSite = SameSiteMode.Lax;
                options.CorrelationCookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
                options.NonceCookie.SameSite = SameSiteMode.Lax;
                options.NonceCookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            });
        builder.Services.AddAuthorization();
        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/me", async (HttpContext context) => await context.Response.WriteAsJsonAsync(new
        {
            name = context.User.FindFirst("name")?.Value,
            email = context.User.FindFirst("email")?.Value,
            refresh_token = await context.GetTokenAsync("refresh_token"),
        })).RequireAuthorization();
        app.MapGet("/out", () => Results.SignOut(null, [CookieAuthenticationDefaults.AuthenticationScheme, OpenIdConnectDefaults.AuthenticationScheme]));
        app.MapGet("/gone", () => "gone");
        await app.StartAsync();
        return app;
    }

    private async Task<WebApplication> StartApiAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options =>
        {
            options.Authority = server.Issuer;
            options.RequireHttpsMetadata = false;
            options.MapInboundClaims = false;
            options.TokenValidationParameters.ValidAudience = DeclaredStates.Api;
            options.TokenValidationParameters.ValidTypes = ["at+jwt"];
            options.TokenValidationParameters.ValidAlgorithms = ["RS256"];
            options.TokenValidationParameters.NameClaimType = "sub";
        });
        builder.Services.AddAuthorization();
        var app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/read", () => "ok").RequireAuthorization();
        await app.StartAsync();
        return app;
    }
}
