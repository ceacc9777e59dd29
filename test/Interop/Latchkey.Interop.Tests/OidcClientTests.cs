using System.Security.Claims;
using System.Text.Json;
using Duende.IdentityModel.OidcClient;
using Duende.IdentityModel.OidcClient.Browser;
using Duende.IdentityModel.OidcClient.Results;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Interop.Tests;

/// <summary>Duende.IdentityModel.OidcClient, the library of native .NET apps, against the real process.</summary>
public sealed class OidcClientTests(InteropServer server)
{
    [Fact, Spec("RFC 8252", "7.3")]
    public async Task A_native_app_signs_in_refreshes_and_signs_out()
    {
        using var alice = new PageWalker(server.Issuer);
        // A port that is registered nowhere: loopback redirects are good with any.
        var port = LoopbackPorts.Next();
        var options = new OidcClientOptions
        {
            Authority = server.Issuer,
            ClientId = DeclaredStates.Native.Id,
            Scope = "openid profile offline_access",
            RedirectUri = $"http://127.0.0.1:{port}/callback",
            PostLogoutRedirectUri = "com.example.app:/bye",
            Browser = new WalkingBrowser(alice),
            LoadProfile = true,
            IdentityTokenValidator = new KeySetValidator(),
        };
        options.Policy.RequireIdentityTokenSignature = true;
        var client = new OidcClient(options);

        var login = await client.LoginAsync(new LoginRequest(), TestContext.Current.CancellationToken);
        Assert.False(login.IsError, $"{login.Error} {login.ErrorDescription}");
        Assert.Equal("Alice Example", login.User.FindFirst("name")?.Value);

        var fresh = await client.RefreshTokenAsync(login.RefreshToken!, cancellationToken: TestContext.Current.CancellationToken);
        Assert.False(fresh.IsError, $"{fresh.Error} {fresh.ErrorDescription}");
        Assert.NotEqual(login.RefreshToken, fresh.RefreshToken);

        var user = await client.GetUserInfoAsync(fresh.AccessToken, TestContext.Current.CancellationToken);
        Assert.False(user.IsError, user.Error);

        var bye = await client.LogoutAsync(new LogoutRequest { IdTokenHint = login.IdentityToken }, TestContext.Current.CancellationToken);
        Assert.False(bye.IsError, bye.Error);
    }

    private sealed class WalkingBrowser(PageWalker person) : IBrowser
    {
        public async Task<BrowserResult> InvokeAsync(BrowserOptions options, CancellationToken cancellationToken = default)
        {
            var stop = await person.AuthorizeAsync(options.StartUrl);
            if (stop.Has("decision", "logout")) stop = await person.SubmitAsync(stop, ("decision", "logout"));
            // An app's own scheme is left by a link on the last page.
            var end = stop.IsAtClient ? stop.Url.AbsoluteUri
                : stop.Document?.QuerySelectorAll("a").Select(link => link.GetAttribute("href")).FirstOrDefault(target => target?.StartsWith(options.EndUrl, StringComparison.Ordinal) == true);
            return end?.StartsWith(options.EndUrl, StringComparison.Ordinal) == true
                ? new BrowserResult { ResultType = BrowserResultType.Success, Response = end }
                : new BrowserResult { ResultType = BrowserResultType.UnknownError, Error = $"stopped at {stop}" };
        }
    }

    // Without a validator the library takes any signature.
    private sealed class KeySetValidator : IIdentityTokenValidator
    {
        public async Task<IdentityTokenValidationResult> ValidateAsync(string identityToken, OidcClientOptions options, CancellationToken cancellationToken = default)
        {
            var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(identityToken, new TokenValidationParameters
            {
                ValidIssuer = options.ProviderInformation.IssuerName,
                ValidAudience = options.ClientId,
                IssuerSigningKeys = new JsonWebKeySet(JsonSerializer.Serialize(options.ProviderInformation.KeySet)).GetSigningKeys(),
                ValidAlgorithms = options.Policy.ValidSignatureAlgorithms,
                NameClaimType = "sub",
            });
            return result.IsValid
                ? new IdentityTokenValidationResult { User = new ClaimsPrincipal(result.ClaimsIdentity), SignatureAlgorithm = ((JsonWebToken)result.SecurityToken).Alg }
                : new IdentityTokenValidationResult { Error = result.Exception?.Message ?? "invalid" };
        }
    }
}
