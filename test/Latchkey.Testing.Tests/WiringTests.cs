using System.Net;
using Latchkey.Client;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Messages;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Testing.Tests;

public sealed class WiringTests
{
    public static TheoryData<string> Apis => ["JwtBearer", "JwtBearer with keys of its own", "OpenIddict"];

    [Theory, MemberData(nameof(Apis))]
    public async Task An_api_accepts_a_good_token_and_goes_on_refusing_bad_ones(string kind)
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var factory = Api(kind);
        await using var app = factory.UseAuthority(authority);
        using var http = app.CreateClient();
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.GetAsync("/things")).StatusCode);
        var token = authority.Token().For("alice").Scope("api:read").Audience(AppFactory.Api);
        using var good = await http.SendAsync(token.Get("/things"));
        Assert.Equal((HttpStatusCode.OK, Ready.Alice.Subject), (good.StatusCode, await good.Content.ReadAsStringAsync()));
        foreach (var bad in (Tokens.TokenBuilder[])[token.Expired(), token.WrongAudience(), token.WrongIssuer(), token.UnknownKey(), token.ForgedKey(),
            token.TamperedSignature(), token.StrippedSignature(), token.AlgNone(), token.HmacWithPublicKey()])
        {
            using var refused = await http.SendAsync(bad.Get("/things"));
            Assert.True(refused.StatusCode == HttpStatusCode.Unauthorized, bad.ToString());
        }

        // OpenIddict does not look at nbf.
        using var early = await http.SendAsync(token.NotYetValid().Get("/things"));
        Assert.Equal(kind == "OpenIddict" ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, early.StatusCode);
    }

    [Theory, MemberData(nameof(Apis))]
    public async Task The_clock_is_shared(string kind)
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var factory = Api(kind);
        await using var app = factory.UseAuthority(authority);
        using var http = app.CreateClient();
        var token = authority.Token().For("alice").Audience(AppFactory.Api);
        using (var request = token.Get("/things"))
        {
            Assert.Equal(HttpStatusCode.OK, (await http.SendAsync(request)).StatusCode);
        }

        using var later = token.Get("/things");
        authority.Advance(TimeSpan.FromMinutes(21));
        Assert.Equal(HttpStatusCode.Unauthorized, (await http.SendAsync(later)).StatusCode);
    }

    [Theory]
    [InlineData(Listening.InMemory)]
    [InlineData(Listening.Loopback)]
    public async Task A_person_signs_in_at_an_app_with_the_stock_handler(Listening listening)
    {
        await using var authority = await TestAuthority.StartAsync(o => o.Listen = listening);
        await using var factory = AppFactory.SignIn();
        await using var app = factory.UseAuthority(authority);
        var stop = await authority.Browser("alice").FollowAsync(app.CreateClient(), "/login");
        Assert.Equal((HttpStatusCode.OK, "alice@example.com"), (stop.ShouldHaveArrived().Status, stop.Body));
        authority.Requests.ShouldHaveUsedPkce().ShouldHaveSentState().ShouldHaveSentNonce().ShouldAllHaveSucceeded();
    }

    public static TheoryData<string> Credentials => ["a secret", "a short secret", "a secret in the form", "a key", "none"];

    [Theory, MemberData(nameof(Credentials))]
    public async Task A_person_signs_in_at_an_app_with_latchkeys_own_client_which_nobody_declared(string kind)
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var factory = AppFactory.Latchkey(Credential(kind));
        await using var app = factory.UseAuthority(authority);
        using var http = app.CreateClient();
        var alice = authority.Browser("alice");
        var stop = await alice.FollowAsync(http, "/login");
        Assert.Equal((HttpStatusCode.OK, Ready.Alice.Subject), (stop.ShouldHaveArrived().Status, stop.Body));
        authority.Requests.ShouldHaveUsedPkce().ShouldHaveSentState().ShouldHaveSentNonce().ShouldAllHaveSucceeded();
        // Out again, and back at the app's own page.
        Assert.Equal("http://localhost/", (await alice.FollowAsync(http, "/logout")).Url.ToString());

        // The same client as a service. A public one has no token of its own.
        if (kind != "none") Assert.Equal("Bearer", await http.GetStringAsync("/service"));
    }

    [Fact]
    public async Task A_person_signs_in_at_an_app_with_openiddicts_client()
    {
        const string Secret = "the-secret-of-that-app-0123456789";
        await using var authority = await TestAuthority.StartAsync(o => o.AddClient(
            new ClientMetadata { ClientId = "my-app", RedirectUris = ["http://localhost/callback"], GrantTypes = ["authorization_code"], Scope = "openid email" }, Secret));
        await using var factory = AppFactory.OpenIddictClient(Secret);
        await using var app = factory.UseAuthority(authority);
        var stop = await authority.Browser("alice").FollowAsync(app.CreateClient(), "/enter");
        Assert.Equal((HttpStatusCode.OK, Ready.Alice.Subject), (stop.ShouldHaveArrived().Status, stop.Body));
        authority.Requests.ShouldHaveUsedPkce().ShouldHaveSentState().ShouldHaveSentNonce().ShouldAllHaveSucceeded();
    }

    [Fact]
    public async Task Two_apps_of_one_client_sign_in_at_one_authority_each_at_its_own_callback()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var one = AppFactory.Latchkey(ClientCredential.Secret("short"));
        await using var two = AppFactory.Latchkey(ClientCredential.Secret("short"), signIn: options => (options.CallbackPath, options.SignedOutUrl) = ("/back", "/bye"));
        await using var first = one.UseAuthority(authority);
        await using var second = two.UseAuthority(authority);
        foreach (var app in (Microsoft.AspNetCore.Mvc.Testing.WebApplicationFactory<AppFactory>[])[first, second, first])
        {
            var stop = await authority.Browser("bob").FollowAsync(app.CreateClient(), "/login");
            Assert.Equal(Ready.Bob.Subject, stop.ShouldHaveArrived().Body);
        }
    }

    [Fact]
    public async Task What_a_test_declared_stays_as_it_is_and_gets_the_apps_callback()
    {
        await using var authority = await TestAuthority.StartAsync(o => o.AddClient(
            new ClientMetadata { ClientId = "my-app", RedirectUris = ["https://elsewhere.test/callback"], GrantTypes = ["authorization_code"], Scope = "openid api:read" }, "another-secret-0123456789"));
        await using var factory = AppFactory.Latchkey(ClientCredential.Secret("the-apps-own-secret-0123"));
        await using var app = factory.UseAuthority(authority);
        using var http = app.CreateClient();
        Assert.Equal(Ready.Alice.Subject, (await authority.Browser("alice").FollowAsync(http, "/login")).ShouldHaveArrived().Body);
        // Client credentials are not among its grants.
        await Assert.ThrowsAsync<Client.Tokens.TokenUnavailableException>(() => http.GetStringAsync("/service"));
    }

    [Fact]
    public async Task An_app_is_unknown_where_declaring_is_left_to_the_test()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var factory = AppFactory.Latchkey(ClientCredential.None);
        await using var app = factory.UseAuthority(authority, wiring => wiring.DeclareClients = false);
        var stop = await authority.Browser("alice").FollowAsync(app.CreateClient(), "/login");
        Assert.Equal(HttpStatusCode.BadRequest, stop.Status);
        Assert.Contains("invalid_client", stop.Body, StringComparison.Ordinal);

        await using var stock = AppFactory.SignIn();
        await using var other = stock.UseAuthority(authority, wiring => wiring.DeclareClients = false);
        await Assert.ThrowsAsync<OpenIdConnectProtocolException>(() => authority.Browser("alice").FollowAsync(other.CreateClient(), "/login"));
    }

    [Fact]
    public async Task What_people_do_reaches_the_app()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var factory = AppFactory.SignIn();
        await using var app = factory.UseAuthority(authority);
        using var http = app.CreateClient();
        // The stock handler answers both with its error page.
        foreach (var browser in (Browsing.AuthorityBrowser[])[authority.Browser().TamperState(), authority.Browser().DropFromCallback("state")])
            Assert.Equal(HttpStatusCode.InternalServerError, (await CallAsync(browser)).Status);
        var closed = await authority.Browser().CloseTab().FollowAsync(http, "/login");
        Assert.False(closed.IsOpened);
        Assert.NotNull(closed.Code);

        async Task<Browsing.BrowserStop> CallAsync(Browsing.AuthorityBrowser browser)
        {
            try
            {
                return await browser.FollowAsync(http, "/login");
            }
            catch (Exception exception) when (exception.GetType().Name == "AuthenticationFailureException")
            {
                return new(new Uri("http://localhost/"), new HttpResponseMessage(HttpStatusCode.InternalServerError), "", null, []);
            }
        }
    }

    [Fact]
    public async Task Only_the_named_scheme_is_rewired()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var factory = new AppFactory(services => services.AddAuthentication()
            .AddJwtBearer("one", options => options.Authority = AppFactory.Provider).AddJwtBearer("two", options => options.Authority = AppFactory.Provider).Services.AddAuthorization());
        await using var app = factory.UseAuthority(authority, wiring => wiring.Schemes.Add("two"));
        var options = app.Services.GetRequiredService<Microsoft.Extensions.Options.IOptionsMonitor<JwtBearerOptions>>();
        Assert.Equal(AppFactory.Provider, options.Get("one").Authority);
        Assert.Equal(authority.Issuer, options.Get("two").Authority);
    }

    private static ClientCredential Credential(string kind) => kind switch
    {
        "a secret" => ClientCredential.Secret("a-secret-of-this-app-0123456789"),
        "a short secret" => ClientCredential.Secret("short"),
        "a secret in the form" => ClientCredential.SecretInBody("tiny"),
        "a key" => ClientCredential.PrivateKey(JwsSigner.Open("ES256", "app-key", JwsSigner.Generate("ES256"))),
        _ => ClientCredential.None,
    };

    private static AppFactory Api(string kind) => kind switch
    {
        "JwtBearer" => AppFactory.Bearer(),
        "OpenIddict" => AppFactory.OpenIddict(),
        _ => AppFactory.Bearer(options =>
        {
            options.Authority = null;
            options.TokenValidationParameters = new TokenValidationParameters
            {
                ValidIssuer = AppFactory.Provider,
                ValidAudience = AppFactory.Api,
                IssuerSigningKey = new SymmetricSecurityKey(new byte[32]),
            };
        }),
    };
}
