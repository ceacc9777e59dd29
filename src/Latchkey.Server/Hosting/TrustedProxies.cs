using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Latchkey.Server.Hosting;

/// <summary>
/// The proxies whose <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c> count. From anybody else they are not looked at. None of them ever
/// changes the issuer, which is configured.
/// </summary>
public static class TrustedProxies
{
    /// <summary>Reads a comma-separated list of networks or single addresses.</summary>
    /// <param name="list">Such as <c>10.0.0.0/8,127.0.0.1</c>.</param>
    /// <param name="networks">The networks.</param>
    /// <param name="fault">What is wrong with the list, as a sentence; null if nothing is.</param>
    public static bool TryParse(string list, out IReadOnlyList<IPNetwork> networks, out string? fault)
    {
        var found = new List<IPNetwork>();
        networks = found;
        foreach (var entry in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (IPNetwork.TryParse(entry, out var network)) found.Add(network);
            else if (IPAddress.TryParse(entry, out var address)) found.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else
            {
                fault = $"\"{entry}\" is no network such as 10.0.0.0/8 and no address.";
                return false;
            }
        }

        fault = null;
        return true;
    }

    /// <summary>Lets the headers of these proxies count; to be called before the server is mapped.</summary>
    /// <param name="app">The host.</param>
    /// <param name="networks">Whom to trust; nobody if empty.</param>
    public static void UseTrustedProxies(this WebApplication app, IReadOnlyList<IPNetwork> networks)
    {
        if (networks.Count == 0) return;
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost,
            // Every hop must be a trusted one, however many there are.
            ForwardLimit = null,
        };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in networks) options.KnownIPNetworks.Add(network);
        app.UseForwardedHeaders(options);
    }
}
