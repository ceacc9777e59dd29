using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Latchkey.Client.Hosting;

/// <summary>Reads a client's options from configuration: by hand, so that Native AOT trims nothing away, and so that a misspelt key is named.</summary>
internal static class ClientConfiguration
{
    private const string Known =
        "Issuer, ClientId, ClientSecret, Scope, Resource, RedirectUri, PostLogoutRedirectUri, ResponseMode, PushedRequests, ClockSkew, TransactionLifetime, DPoP";

    /// <summary>Sets what the section has; the rest stays.</summary>
    /// <exception cref="InvalidOperationException">A key or value is wrong; one sentence says which. It never shows the secret.</exception>
    public static void Apply(IConfiguration section, string name, LatchkeyClientOptions options)
    {
        foreach (var entry in section.GetChildren())
        {
            switch (entry.Key.ToUpperInvariant())
            {
                case "ISSUER":
                    options.Issuer = entry.Value ?? "";
                    break;
                case "CLIENTID":
                    options.ClientId = entry.Value ?? "";
                    break;
                case "CLIENTSECRET":
                    options.Credential = string.IsNullOrEmpty(entry.Value) ? ClientCredential.None : ClientCredential.Secret(entry.Value);
                    break;
                case "SCOPE":
                    options.Scope = entry.Value;
                    break;
                case "RESOURCE":
                    SetResources(entry, options);
                    break;
                case "REDIRECTURI":
                    options.RedirectUri = entry.Value;
                    break;
                case "POSTLOGOUTREDIRECTURI":
                    options.PostLogoutRedirectUri = entry.Value;
                    break;
                case "RESPONSEMODE":
                    options.ResponseMode = entry.Value;
                    break;
                case "PUSHEDREQUESTS":
                    options.PushedRequests = Enum.TryParse<PushedRequests>(entry.Value, ignoreCase: true, out var pushed) && Enum.IsDefined(pushed) ? pushed
                        : throw Wrong(entry, name, $"is none of {string.Join(", ", Enum.GetNames<PushedRequests>())}");
                    break;
                case "CLOCKSKEW":
                    options.ClockSkew = Time(entry, name);
                    break;
                case "TRANSACTIONLIFETIME":
                    options.TransactionLifetime = Time(entry, name);
                    break;
                case "DPOP":
                    if (!bool.TryParse(entry.Value, out var use)) throw Wrong(entry, name, "is neither true nor false");
                    if (use) options.UseDPoP();
                    break;
                default:
                    throw Wrong(entry, name, $"is no setting of a client; the settings are {Known}");
            }
        }
    }

    private static void SetResources(IConfigurationSection entry, LatchkeyClientOptions options)
    {
        options.Resource = entry.Value;
        foreach (var one in entry.GetChildren())
        {
            if (one.Value is not null) options.Resources.Add(one.Value);
        }
    }

    private static TimeSpan Time(IConfigurationSection entry, string name) =>
        TimeSpan.TryParse(entry.Value, CultureInfo.InvariantCulture, out var time) ? time : throw Wrong(entry, name, "is no time such as 00:00:30");

    private static InvalidOperationException Wrong(IConfigurationSection entry, string name, string fault) =>
        new($"Latchkey client \"{name}\": {entry.Path} {fault}.");
}
