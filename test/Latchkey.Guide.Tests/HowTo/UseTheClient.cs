using Latchkey.Client;
using Latchkey.Client.Authorization;
using Latchkey.Protocol;
using Latchkey.Verification.Providers;
using Latchkey.Client.Device;

namespace Latchkey.Guide.Tests.HowTo;

/// <summary>The examples of docs/how-to/use-the-client.md.</summary>
internal static class UseTheClient
{
    public static async Task<string> AuthorizationServerAsync(string secret)
    {
        using var client = new LatchkeyClient(new LatchkeyClientOptions
        {
            Issuer = "https://id.example.com",                     // any provider; exactly as its metadata spells it
            ClientId = "web",
            Credential = ClientCredential.Secret(secret),          // or .SecretInBody, .PrivateKey(pem, keyId), .Certificate(certificate), .None
            RedirectUri = "https://app.example.com/callback",
            Scope = "openid profile offline_access",
        });
        return (await client.Provider.MetadataAsync()).Issuer;
    }

    public static async Task<Uri> StartAsync(LatchkeyClient client, string sessionId)
    {
        var start = await client.StartAuthorizationAsync(new() { ReturnUrl = "/orders", SessionBinding = sessionId });
        // Keep start.Transaction.ToJson() encrypted, for this tab, by start.Transaction.State; send the browser to start.Url.
        return start.Url;
    }

    public static async Task<IResult> CompleteAsync(LatchkeyClient client, HttpRequest request, string kept, string sessionId, Func<string, Task> signIn)
    {
        var transaction = AuthorizationTransaction.FromJson(kept)!;   // taken out of where it was kept: it is good once
        var tokens = await client.CompleteAuthorizationAsync(transaction, Parameters.Parse(request.QueryString.Value), sessionId);
        var person = tokens.IdToken!.Subject;                         // know people by this, never by their address
        await signIn(person);                                         // your app's own session, under a new id
        return Results.Redirect(transaction.ReturnUrl ?? "/");
    }

    public static async Task<object[]> EverythingAfterAsync(LatchkeyClient client, TokenSet tokens, string token)
    {
        var next   = await client.RefreshAsync(tokens.RefreshToken!, tokens.IdToken);      // save next.RefreshToken before anything else
        var info   = await client.UserInfoAsync(next);                                     // sub is compared with the ID token's
        var other  = await client.ExchangeAsync(new TokenExchange { SubjectToken = next.AccessToken.Value, Audiences = ["orders"] });
        var state  = await client.IntrospectAsync(token);
        var bye    = await client.SignOutAsync(next);                                      // revokes the refresh token; send the browser to bye.Url
        return [info, other, state, bye];
    }

    public static async Task<TokenSet> TerminalAsync(LatchkeyClient client, IProgress<DeviceProgress> progress)
    {
        var device = await client.StartDeviceAsync();
        Console.WriteLine($"Go to {device.VerificationUri} and enter {device.UserCode}");
        var tokens = await device.WaitAsync(progress);
        return tokens;
    }

    public static async Task<TokenSet> ElsewhereAsync(LatchkeyClient client)
    {
        var request = await client.StartBackchannelAsync(new() { LoginHint = "alice", Scope = "openid profile", BindingMessage = "W4-7Q" });
        var tokens = await request.WaitAsync();
        return tokens;
    }

    public static async Task RefusedAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (OAuthException exception) when (exception.Error == "invalid_grant")
        {
            // the provider's word: the person has to sign in again
        }
        catch (OAuthException exception) when (exception.Refusal is not null)
        {
            // a check of ours: log the refusal, it says what to do
        }
        catch (ProviderException exception) when (exception.IsTransient)
        {
            // away: try later
        }
    }
}
