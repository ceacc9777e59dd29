using Latchkey.Client;
using Latchkey.Client.Native;

namespace Latchkey.Guide.Tests.HowTo;

/// <summary>The examples of docs/how-to/native-apps.md.</summary>
internal static class NativeApps
{
    public static async Task<TokenSet> DesktopAsync()
    {
        using var client = new LatchkeyClient(new() { Issuer = "https://id.example.com", ClientId = "my-app", Scope = "openid profile offline_access" });
        var tokens = await LatchkeyNative.SignInAsync(client);
        return tokens;
    }

    public static async Task<TokenSet> MobileAsync()
    {
        using var client = new LatchkeyClient(new()
        {
            Issuer = "https://id.example.com", ClientId = "my-app", Scope = "openid profile offline_access", RedirectUri = "com.example.app:/callback",
        });
        var tokens = await LatchkeyNative.SignInAsync(client, new()
        {
            Authenticate = async (url, redirectUri, ct) =>
            {
                var result = await WebAuthenticator.Default.AuthenticateAsync(url, redirectUri);
                return new Uri($"{redirectUri.OriginalString}?{string.Join('&', result.Properties.Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"))}");
            },
        });
        return tokens;
    }

    /// <summary>As far as the example goes, what MAUI has under this name.</summary>
    private sealed class WebAuthenticator
    {
        public static WebAuthenticator Default { get; } = new();

        public Task<WebAuthenticatorResult> AuthenticateAsync(Uri url, Uri callbackUrl) => throw new NotSupportedException($"{url} {callbackUrl}");
    }

    private sealed record WebAuthenticatorResult(Dictionary<string, string> Properties);
}
