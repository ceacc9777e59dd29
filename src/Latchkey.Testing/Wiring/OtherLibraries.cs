using System.Collections;
using System.Reflection;

namespace Latchkey.Testing.Wiring;

/// <summary>
/// Libraries that the kit does not depend on, known by the names of their options: the Latchkey guard and client, OpenIddict validation and client.
/// Their connections come from <see cref="IHttpClientFactory"/> or from a handler set here.
/// </summary>
internal static class OtherLibraries
{
    public static void Wire(object options, TestAuthority authority)
    {
        switch (options.GetType().FullName)
        {
            case "Latchkey.ResourceServer.ResourceServerOptions":
                Set(options, "Issuer", authority.Issuer);
                (Get(options, "Issuers") as IList)?.Clear();
                Set(options, "BackchannelHttpHandler", authority.CreateHandler());
                break;
            case "Latchkey.Client.LatchkeyClientOptions":
                Set(options, "Issuer", authority.Issuer);
                break;
            case "OpenIddict.Validation.OpenIddictValidationOptions":
                Set(options, "Issuer", new Uri(authority.Issuer));
                break;
            case "OpenIddict.Client.OpenIddictClientOptions" when Get(options, "Registrations") is IEnumerable registrations:
                foreach (var registration in registrations) Set(registration, "Issuer", new Uri(authority.Issuer));
                break;
            default:
                break;
        }
    }

    internal static object? Get(object target, string property) => target.GetType().GetProperty(property, BindingFlags.Public | BindingFlags.Instance)?.GetValue(target);

    internal static void Set(object target, string property, object value)
    {
        var found = target.GetType().GetProperty(property, BindingFlags.Public | BindingFlags.Instance)
            ?? throw new InvalidOperationException($"{target.GetType().FullName} has no {property}; this version of the library is not one that the test kit knows.");
        found.SetValue(target, value);
    }
}
