using System.Net;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.DependencyInjection;
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
