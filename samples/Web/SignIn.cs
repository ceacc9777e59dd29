using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace Latchkey.Samples.Web;

/// <summary>What the app knows of itself.</summary>
internal sealed record App(string Issuer, string ClientId, string? ClientSecret, string Scope, string Url, string? Api)
{
    public string RedirectUri => Url + "/callback";
}

/// <summary>The authorization code flow with PKCE, from the login link to the session, and back out.</summary>
internal sealed class SignIn(App app, HttpClient http, Sessions sessions, IdTokens idTokens, TimeProvider clock)
{
    private const int TabsAtOnce = 20;
    private static readonly TimeSpan Patience = TimeSpan.FromHours(1);

    private Provider? _provider;

    public async Task<Provider> ProviderAsync() => _provider ??= await Provider.DiscoverAsync(http, app.Issuer);

    /// <summary>Starts a sign-in: where the browser is to go.</summary>
    public async Task<string> StartAsync(HttpContext context)
    {
        var provider = await ProviderAsync();
        var session = sessions.Find(context) ?? sessions.Begin(context);
        var transaction = new Transaction(Sessions.NewSecret(), Sessions.NewSecret(), clock.GetUtcNow());
        foreach (var (old, _) in session.Transactions.OrderBy(pair => pair.Value.StartedAt).SkipLast(TabsAtOnce - 1)) session.Transactions.TryRemove(old, out _);
        var state = Sessions.NewSecret();
        session.Transactions[state] = transaction;
        return QueryHelpers.AddQueryString(provider.Endpoint("authorization_endpoint"), new Dictionary<string, string?>
        {
            ["response_type"] = "code",
            ["client_id"] = app.ClientId,
            ["redirect_uri"] = app.RedirectUri,
            ["scope"] = app.Scope,
            ["state"] = state,
            ["nonce"] = transaction.Nonce,
            ["code_challenge"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(transaction.CodeVerifier))),
            ["code_challenge_method"] = "S256",
        });
    }

    /// <summary>Ends a sign-in. Nothing of the answer is looked at before the state has shown that this browser asked for it.</summary>
    public async Task FinishAsync(HttpContext context)
    {
        var query = context.Request.Query;
        if (sessions.Find(context) is not { } session
            || !session.Transactions.TryRemove(query["state"].ToString(), out var transaction)
            || clock.GetUtcNow() - transaction.StartedAt > Patience)
        {
            throw new OAuthException("Invalid state", "This browser has no such sign-in under way. Start again.");
        }

        var provider = await ProviderAsync();
        var issuer = query["iss"];
        if (issuer.Count > 1 || (issuer.Count == 1 ? issuer != app.Issuer : provider.Says("authorization_response_iss_parameter_supported")))
        {
            throw new OAuthException("issuer_mismatch", "The answer is another server's (RFC 9207).");
        }

        if (query["error"].Count > 0) throw new OAuthException(query["error"].ToString(), query["error_description"]);
        var tokens = await provider.PostAsync(http, "token_endpoint", app.ClientId, app.ClientSecret, new()
        {
            ["grant_type"] = "authorization_code",
            ["code"] = query["code"].ToString(),
            ["redirect_uri"] = app.RedirectUri,
            ["code_verifier"] = transaction.CodeVerifier,
        });
        var idToken = tokens.Text("id_token") ?? throw new OAuthException("invalid_id_token", "The answer holds no ID token.");
        var accessToken = tokens.Text("access_token") ?? throw new OAuthException("server_error", "The answer holds no access token.");
        var who = await idTokens.ValidateAsync(provider, idToken, transaction.Nonce);
        var providerSession = who.TryGetPayloadValue<string>("sid", out var sid) ? sid : null;
        sessions.SignIn(context, session, who.Subject, providerSession, accessToken, tokens.Text("refresh_token"), idToken);
    }

    /// <summary>Ends the session here, the grant at the provider, and then the session there: where the browser is to go.</summary>
    public async Task<string> LogoutAsync(HttpContext context)
    {
        if (sessions.Find(context) is not { IsSignedIn: true } session) return "/";
        sessions.End(context, session);
        var provider = await ProviderAsync();
        if (session.RefreshToken is { } refreshToken && provider.Metadata.Text("revocation_endpoint") is not null)
        {
            try
            {
                await provider.PostAsync(http, "revocation_endpoint", app.ClientId, app.ClientSecret, new() { ["token"] = refreshToken });
            }
            catch (Exception exception) when (exception is OAuthException or HttpRequestException or TaskCanceledException)
            {
                // The person is signed out here all the same.
                Console.Error.WriteLine($"The refresh token could not be revoked: {exception.Message}");
            }
        }

        if (provider.Metadata.Text("end_session_endpoint") is not { } endpoint) return "/";
        return QueryHelpers.AddQueryString(endpoint, new Dictionary<string, string?>
        {
            ["id_token_hint"] = session.IdToken,
            ["client_id"] = app.ClientId,
            ["post_logout_redirect_uri"] = app.Url + "/",
        });
    }
}
